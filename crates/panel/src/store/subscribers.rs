//! Who asked for the digest by mail. An address counts once whoever reads its mail has said so; none of it is evidence, and
//! none is exported.

use plimsoll_lab::hash::sha256_hex;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, hours_ago, now};

/// A link in a mail that nobody followed is worth nothing after so many hours.
const LINK_HOURS: i64 = 48;
/// One address gets no more than one such mail in so many hours.
const BETWEEN_HOURS: i64 = 1;
/// Addresses that may wait for their link to be followed.
const WAITING: i64 = 1000;
/// Addresses in all.
const MOST: i64 = 10_000;
/// After so many refusals in a row an address rests until the next week's digest.
const TRIES: i64 = 5;
/// After so many it is forgotten.
const MOST_TRIES: i64 = 4 * TRIES;

/// What is to be done after somebody asked for the digest. Nobody is told which it was: it would say who subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// A mail with the link is to go out.
    Send,
    /// Nothing: the address subscribed before, or got such a mail within the hour.
    Nothing,
    /// Too many wait; that does not depend on the address.
    Full,
}

impl Store {
    /// Keeps that somebody wants the digest at `address` once `token` comes back.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sign_up(&mut self, address: &str, token: &str) -> Result<SignUp, StoreError> {
        let leave = sha256_hex(self.leave_token(address)?.as_bytes());
        let confirm = sha256_hex(token.as_bytes());
        self.write(|db| {
            let expired = "DELETE FROM subscriber WHERE confirmed IS NULL AND asked < ?1";
            db.execute(expired, [hours_ago(LINK_HOURS)])?;
            // Counted before it is looked whether the address is among them, or a full list would tell.
            let count = "SELECT COUNT(*), COUNT(*) - COUNT(confirmed) FROM subscriber";
            let (all, waiting) = db.query_row(count, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
            if all >= MOST || waiting >= WAITING {
                return Ok(SignUp::Full);
            }
            // Few servers tell capital letters from small ones, and all of these are one letter box then.
            let find = "SELECT confirmed IS NOT NULL, asked FROM subscriber WHERE address = ?1 COLLATE NOCASE";
            let held = db.query_row(find, [address], |row| Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?)));
            if let Some((is_confirmed, asked)) = held.optional()? {
                if is_confirmed || asked > hours_ago(BETWEEN_HOURS) {
                    return Ok(SignUp::Nothing);
                }
                let again = "UPDATE subscriber SET confirm = ?2, asked = ?3 WHERE address = ?1 COLLATE NOCASE";
                db.execute(again, params![address, confirm, now()])?;
                return Ok(SignUp::Send);
            }
            let insert = "INSERT INTO subscriber(address, confirm, leave, asked) VALUES(?1, ?2, ?3, ?4)";
            db.execute(insert, params![address, confirm, leave, now()])?;
            Ok(SignUp::Send)
        })
    }

    /// Takes the token of a mail's link; whether there was such a link that is not too old.
    ///
    /// # Errors
    /// When the store fails.
    pub fn confirm(&mut self, token: &str) -> Result<bool, StoreError> {
        let update = "UPDATE subscriber SET confirmed = ?2, confirm = NULL WHERE confirm = ?1 AND asked >= ?3";
        let found = params![sha256_hex(token.as_bytes()), now(), hours_ago(LINK_HOURS)];
        self.write(|db| Ok(db.execute(update, found)? > 0))
    }

    /// Forgets the address that gets mails with this token; whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn leave(&mut self, token: &str) -> Result<bool, StoreError> {
        self.write(|db| Ok(db.execute("DELETE FROM subscriber WHERE leave = ?1", [sha256_hex(token.as_bytes())])? > 0))
    }

    /// What the link that ends an address's subscription carries.
    ///
    /// # Errors
    /// When the store fails.
    pub fn leave_token(&mut self, address: &str) -> Result<String, StoreError> {
        self.key(&format!("leave {address}"))
    }

    /// Confirmed addresses to which nothing was mailed since `since`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn subscribers_due(&self, since: &str) -> Result<Vec<String>, StoreError> {
        let failed = self.failed();
        let find = "SELECT address FROM subscriber \
             WHERE confirmed IS NOT NULL AND (mailed IS NULL OR mailed < ?1) ORDER BY address";
        let mut find = self.db.prepare_cached(find).map_err(&failed)?;
        let found = find.query_map([since], |row| row.get(0)).map_err(&failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(&failed)
    }

    /// Remembers that the digest was mailed to `address` now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn mailed(&mut self, address: &str) -> Result<(), StoreError> {
        let update = "UPDATE subscriber SET mailed = ?2, refused = 0 WHERE address = ?1";
        self.write(|db| db.execute(update, [address, &now()]).map(drop))
    }

    /// Remembers that the mail server refused the digest for `address`. After some times in a row the address rests until the
    /// next week; after some weeks it is forgotten, if `others` were reached meanwhile, for otherwise the fault may be ours.
    ///
    /// # Errors
    /// When the store fails.
    pub fn refused(&mut self, address: &str, others: bool) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute("UPDATE subscriber SET refused = refused + 1 WHERE address = ?1", [address])?;
            if others {
                let forget = "DELETE FROM subscriber WHERE address = ?1 AND refused >= ?2";
                db.execute(forget, params![address, MOST_TRIES])?;
            }
            let rest = "UPDATE subscriber SET mailed = ?2 WHERE address = ?1 AND refused % ?3 = 0";
            db.execute(rest, params![address, now(), TRIES]).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("evidence.db")).unwrap();
        (folder, store)
    }

    const LONG_AGO: &str = "2000-01-01T00:00:00Z";

    #[test]
    fn an_address_counts_once_its_reader_has_said_so() {
        let (_folder, mut store) = store();
        assert_eq!(store.sign_up("a@example.org", "secret").unwrap(), SignUp::Send);
        assert!(store.subscribers_due(LONG_AGO).unwrap().is_empty());
        assert!(!store.confirm("another").unwrap());
        assert!(store.confirm("secret").unwrap());
        assert_eq!(store.subscribers_due(LONG_AGO).unwrap(), ["a@example.org"]);
        assert!(!store.confirm("secret").unwrap(), "a link is followed once");
    }

    #[test]
    fn nobody_gets_a_second_mail_within_the_hour_or_once_subscribed() {
        let (_folder, mut store) = store();
        assert_eq!(store.sign_up("a@example.org", "first").unwrap(), SignUp::Send);
        assert_eq!(store.sign_up("a@example.org", "second").unwrap(), SignUp::Nothing);
        assert!(!store.confirm("second").unwrap() && store.confirm("first").unwrap());
        assert_eq!(store.sign_up("a@example.org", "third").unwrap(), SignUp::Nothing);
    }

    #[test]
    fn a_link_that_was_left_for_days_is_worth_nothing() {
        let (_folder, mut store) = store();
        store.sign_up("a@example.org", "secret").unwrap();
        let asked = hours_ago(LINK_HOURS + 1);
        store.write(|db| db.execute("UPDATE subscriber SET asked = ?1", [asked])).unwrap();
        assert!(!store.confirm("secret").unwrap());
        assert_eq!(store.sign_up("a@example.org", "again").unwrap(), SignUp::Send);
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let (_folder, mut store) = store();
        store.sign_up("a@example.org", "secret").unwrap();
        store.confirm("secret").unwrap();
        let token = store.leave_token("a@example.org").unwrap();
        assert!(!store.leave("another").unwrap() && store.leave(&token).unwrap());
        let left: i64 = store.db.query_row("SELECT COUNT(*) FROM subscriber", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }

    #[test]
    fn who_was_mailed_waits_for_the_next_week() {
        let (_folder, mut store) = store();
        store.sign_up("a@example.org", "secret").unwrap();
        store.confirm("secret").unwrap();
        store.mailed("a@example.org").unwrap();
        assert!(store.subscribers_due(&hours_ago(24)).unwrap().is_empty());
        assert_eq!(store.subscribers_due(&hours_ago(-1)).unwrap(), ["a@example.org"]);
    }

    fn kept(store: &Store) -> i64 {
        store.db.query_row("SELECT COUNT(*) FROM subscriber", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_full_list_does_not_tell_who_is_on_it() {
        let (_folder, mut store) = store();
        assert_eq!(store.sign_up("on@example.org", "secret").unwrap(), SignUp::Send);
        store.confirm("secret").unwrap();
        assert_eq!(store.sign_up("waits@example.org", "other").unwrap(), SignUp::Send);
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
             INSERT INTO subscriber(address, leave, asked) SELECT 'x' || i, 'x' || i, ?1 FROM n";
        store.write(|db| db.execute(fill, [now()])).unwrap();
        for address in ["on@example.org", "waits@example.org", "neither@example.org"] {
            assert_eq!(store.sign_up(address, "again").unwrap(), SignUp::Full, "{address}");
        }
    }

    #[test]
    fn one_letter_box_gets_one_mail_however_it_is_spelt() {
        let (_folder, mut store) = store();
        assert_eq!(store.sign_up("Reader@example.org", "first").unwrap(), SignUp::Send);
        for spelt in ["reader@example.org", "READER@example.org", "rEADER@example.org"] {
            assert_eq!(store.sign_up(spelt, "next").unwrap(), SignUp::Nothing, "{spelt}");
        }
        assert_eq!(kept(&store), 1);
    }

    #[test]
    fn an_address_that_is_refused_rests_and_is_forgotten_in_the_end() {
        let (_folder, mut store) = store();
        let address = "gone@example.org";
        store.sign_up(address, "secret").unwrap();
        store.confirm("secret").unwrap();
        let is_due = |store: &Store| !store.subscribers_due(&hours_ago(24)).unwrap().is_empty();
        for week in 0..4 {
            for _ in 0..TRIES {
                assert!(is_due(&store), "week {week}");
                store.refused(address, true).unwrap();
            }
            assert!(!is_due(&store), "week {week}");
            store.write(|db| db.execute("UPDATE subscriber SET mailed = NULL", [])).unwrap();
        }
        assert_eq!(kept(&store), 0);
    }

    #[test]
    fn nobody_is_forgotten_while_nobody_is_reached() {
        let (_folder, mut store) = store();
        store.sign_up("a@example.org", "secret").unwrap();
        store.confirm("secret").unwrap();
        (0..10 * MOST_TRIES).for_each(|_| store.refused("a@example.org", false).unwrap());
        assert_eq!(kept(&store), 1);
        store.mailed("a@example.org").unwrap();
        store.refused("a@example.org", true).unwrap();
        assert_eq!(kept(&store), 1, "a mail that went through ends the count");
    }
}
