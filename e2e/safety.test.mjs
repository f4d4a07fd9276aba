// What the server refuses, asked without a browser in between.
import assert from "node:assert/strict";
import { request } from "node:http";
import path from "node:path";
import test from "node:test";
import { folder, serve } from "./plimsoll.mjs";

/** A request sent exactly as it stands: `fetch` would tidy the path and choose the host itself. */
function raw(address, { method = "GET", path: target = "/", headers = {}, body } = {}) {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path: target, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const form = { "content-type": "application/x-www-form-urlencoded" };

/** What a browser has after it opened a page: its cookie and the token of its forms. */
async function reader(address) {
  const answer = await raw(address, { path: "/model/smollm3" });
  const cookie = answer.headers["set-cookie"][0].split(";")[0];
  return { cookie, csrf: /name="csrf" value="([^"]+)"/.exec(answer.text)[1] };
}

test("what the server refuses", async (t) => {
  const address = await serve(t, path.join(await folder(t), "evidence.db"));
  const mine = await reader(address);
  const page = "claude-haiku-open-weights-vs-smollm3";
  const forms = {
    "/vote": `page=${page}&choice=smollm3`,
    "/bookmark": "page=/model/smollm3&marked=yes",
    "/compare": "a=demo-small&b=demo-vision",
  };

  for (const [target, fields] of Object.entries(forms)) {
    await t.test(`${target} needs the token of the reader's own page`, async () => {
      const send = (headers, csrf) =>
        raw(address, { method: "POST", path: target, headers: { ...form, ...headers }, body: `csrf=${csrf}&${fields}` });
      const theirs = await reader(address);
      assert.equal((await send({ cookie: mine.cookie }, "")).status, 403, "empty");
      assert.equal((await send({ cookie: mine.cookie }, "0".repeat(64))).status, 403, "made up");
      assert.equal((await send({ cookie: mine.cookie }, theirs.csrf)).status, 403, "of another reader");
      assert.equal((await send({}, mine.csrf)).status, 403, "without the cookie");
      const missing = await raw(address, {
        method: "POST",
        path: target,
        headers: { ...form, cookie: mine.cookie },
        body: fields,
      });
      assert.ok(missing.status === 403 || missing.status === 422, `without the field: ${missing.status}`);
    });
  }

  await t.test("the right token is taken", async () => {
    const headers = { ...form, cookie: mine.cookie };
    const body = `csrf=${mine.csrf}&${forms["/vote"]}`;
    assert.equal((await raw(address, { method: "POST", path: "/vote", headers, body })).status, 303);
  });

  await t.test("a name that is not this machine's is refused", async () => {
    for (const host of ["evil.example", "evil.example:80", "localhost.evil.example"]) {
      assert.equal((await raw(address, { headers: { host } })).status, 403, host);
    }
    const { port } = new URL(address);
    assert.equal((await raw(address, { headers: { host: `localhost:${port}` } })).status, 200);
  });

  await t.test("a form larger than 16 KiB is not read", async () => {
    const headers = { ...form, cookie: mine.cookie };
    const body = `csrf=${mine.csrf}&page=${"x".repeat(17 << 10)}&choice=neither`;
    assert.equal((await raw(address, { method: "POST", path: "/vote", headers, body })).status, 413);
  });

  for (const target of [
    "/assets/../../etc/passwd",
    "/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/run/../../x",
    "/run/..%2f..%2fx",
    "/model/..%2f..%2fetc%2fpasswd",
    "/job/../../x",
  ]) {
    await t.test(`${target} is not here`, async () => {
      const answer = await raw(address, { path: target });
      assert.equal(answer.status, 404);
      assert.doesNotMatch(answer.text, /root:/);
    });
  }

  await t.test("an unknown page says so and leads back", async () => {
    const answer = await raw(address, { path: "/no/such/page" });
    assert.equal(answer.status, 404);
    assert.match(answer.text, /<h1>Not here<\/h1>/);
    assert.match(answer.text, /<a href="\/">To the catalogue<\/a>/);
    const model = await raw(address, { path: "/model/no-such-model" });
    assert.equal(model.status, 404);
    assert.match(model.text, /no-such-model/);
    const program = await raw(address, { path: "/api/v1/no-such-thing" });
    assert.equal(program.status, 404);
    assert.ok(JSON.parse(program.text).error);
  });

  await t.test("every answer forbids scripts and styles of others", async () => {
    for (const target of ["/", "/digest", "/no/such/page", "/assets/plimsoll.js"]) {
      const policy = (await raw(address, { path: target })).headers["content-security-policy"];
      assert.match(policy, /default-src 'none'/, target);
      assert.doesNotMatch(policy, /unsafe/, target);
    }
  });
});

test("a server with a token", async (t) => {
  const token = "a-token-of-twenty-letters-and-more";
  const address = await serve(t, path.join(await folder(t), "evidence.db"), "--token", token);

  await t.test("lets nobody in without it", async () => {
    for (const target of ["/", "/api/v1/models", "/digest.atom", "/?token=another"]) {
      assert.equal((await raw(address, { path: target })).status, 401, target);
    }
    // The style of pages that mails link to says nothing of anybody.
    assert.equal((await raw(address, { path: "/assets/plimsoll.css" })).status, 200);
    assert.equal((await raw(address, { path: "/healthz" })).status, 200);
  });

  await t.test("takes it from the address into a cookie", async () => {
    const answer = await raw(address, { path: `/?token=${token}` });
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.location, "/", "it does not stay in the address");
    const [cookie] = answer.headers["set-cookie"];
    assert.match(cookie, /HttpOnly; SameSite=Strict/);
    assert.equal((await raw(address, { headers: { cookie: cookie.split(";")[0] } })).status, 200);
  });

  await t.test("takes it from a header", async () => {
    const bearer = (shown) => raw(address, { headers: { authorization: `Bearer ${shown}` } });
    assert.equal((await bearer(token)).status, 200);
    assert.equal((await bearer(`${token}x`)).status, 401);
  });
});
