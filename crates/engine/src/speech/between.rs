//! What a model thinks at the beginning of its answer, between two markers.

use super::find::Find;
use super::{Markers, Part, Spoken};

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but blanks came.
    Beginning,
    Inside,
    /// Nothing but blanks came since it ended.
    Behind,
    Answer,
}

/// Parts thinking from the answer. Blanks around the thinking belong to neither.
#[derive(Debug)]
pub struct Between {
    markers: Markers,
    place: Place,
    find: Find,
    blank: String,
    has_thought: bool,
    /// Whether the thinking's title may come.
    may_have_title: bool,
}

impl Between {
    /// Of an answer that may think between `markers`, and begins within them if `is_inside`.
    pub fn new(markers: Markers, is_inside: bool) -> Between {
        let place = if is_inside { Place::Inside } else { Place::Beginning };
        let (find, blank) = (Find::default(), String::new());
        Between { markers, place, find, blank, has_thought: false, may_have_title: false }
    }

    /// Whether the model is thinking.
    pub fn is_inside(&self) -> bool {
        self.place == Place::Inside
    }

    /// Takes a part.
    pub fn hear(&mut self, part: Part, spoken: &mut Vec<Spoken>) {
        match part {
            Part::Control(token) => self.control(token, spoken),
            Part::Text(text) => {
                let mut letters = text.chars();
                while let Some(letter) = letters.next() {
                    if self.place == Place::Answer {
                        let rest = std::iter::once(letter).chain(letters).collect();
                        return spoken.push(Spoken::Answer(Part::Text(rest)));
                    }
                    self.letter(letter, spoken);
                }
            }
        }
    }

    fn control(&mut self, token: String, spoken: &mut Vec<Spoken>) {
        match self.place {
            Place::Inside => {
                let held = self.held_thought();
                self.think(&held, spoken);
                if token == self.markers.close {
                    self.leave();
                }
            }
            // Gemma 4 thinks between what it says, too.
            _ if token == self.markers.open => {
                let held = self.find.take();
                self.blank.push_str(&held);
                if self.place == Place::Beginning && !self.blank.trim().is_empty() {
                    self.give_up(spoken);
                }
                self.enter();
            }
            Place::Beginning | Place::Behind => {
                self.give_up(spoken);
                spoken.push(Spoken::Answer(Part::Control(token)));
            }
            Place::Answer => spoken.push(Spoken::Answer(Part::Control(token))),
        }
    }

    fn letter(&mut self, letter: char, spoken: &mut Vec<Spoken>) {
        let mut passed = String::new();
        match self.place {
            Place::Inside if self.may_have_title => self.title_letter(letter, spoken),
            Place::Inside => {
                let found = self.find.push(letter, &[self.markers.close], &mut passed);
                self.think(&passed, spoken);
                if found.is_some() {
                    self.leave();
                }
            }
            Place::Beginning if self.find.is_empty() && letter.is_whitespace() => self.blank.push(letter),
            Place::Behind if letter.is_whitespace() => {}
            Place::Beginning => {
                if self.find.push(letter, &[self.markers.open], &mut passed).is_some() {
                    self.enter();
                } else if !passed.is_empty() {
                    self.blank.push_str(&passed);
                    self.give_up(spoken);
                }
            }
            Place::Behind | Place::Answer => {
                self.place = Place::Answer;
                spoken.push(Spoken::Answer(Part::Text(letter.to_string())));
            }
        }
    }

    /// What is held while the model thinks, but for its title.
    fn held_thought(&mut self) -> String {
        let held = self.find.take();
        let is_title = self.may_have_title && held == self.markers.title.trim_end();
        if is_title { String::new() } else { held }
    }

    /// A letter of the title, or of thinking that has none.
    fn title_letter(&mut self, letter: char, spoken: &mut Vec<Spoken>) {
        let mut passed = String::new();
        if self.find.push(letter, &[self.markers.title], &mut passed).is_some() {
            self.may_have_title = false;
        } else if !passed.is_empty() {
            self.may_have_title = false;
            passed.push_str(&self.find.take());
            passed.chars().for_each(|letter| self.letter(letter, spoken));
        }
    }

    fn think(&mut self, text: &str, spoken: &mut Vec<Spoken>) {
        for letter in text.chars() {
            if letter.is_whitespace() {
                self.blank.push(letter);
                continue;
            }
            let blank = std::mem::take(&mut self.blank);
            let mut thought = if self.has_thought { blank } else { String::new() };
            thought.push(letter);
            self.has_thought = true;
            spoken.push(Spoken::Thought(thought));
        }
    }

    fn enter(&mut self) {
        self.place = Place::Inside;
        self.may_have_title = !self.markers.title.is_empty();
        self.blank.clear();
        // Apart from what was thought before.
        self.blank.push_str(if self.has_thought { "\n\n" } else { "" });
    }

    fn leave(&mut self) {
        self.place = Place::Behind;
        self.blank.clear();
    }

    /// There is no thinking, or no more.
    fn give_up(&mut self, spoken: &mut Vec<Spoken>) {
        self.place = Place::Answer;
        let text = std::mem::take(&mut self.blank) + &self.find.take();
        if !text.is_empty() {
            spoken.push(Spoken::Answer(Part::Text(text)));
        }
    }

    /// The answer ended.
    pub fn end(&mut self, spoken: &mut Vec<Spoken>) {
        if self.place == Place::Inside {
            let held = self.held_thought();
            self.think(&held, spoken);
        } else {
            let held = self.find.take();
            self.blank.push_str(&held);
            self.give_up(spoken);
        }
    }
}
