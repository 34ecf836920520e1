// Makes jwt_jsonwebtoken.jsonl: tokens by an implementation that is not ours and not PyJWT.
//
//   npm install jsonwebtoken@9
//   node make_jwt_jsonwebtoken.mjs > jwt_jsonwebtoken.jsonl
//
// Run once, with jsonwebtoken 9.0.3 on node 20; the tests read what it wrote. Every value is fixed but for the RSA and
// EC keys, which are made afresh and thrown away: only tokens that must be refused are made with them.

import { generateKeyPairSync } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";

const AT = 1795334400; // 2026-11-22 08:00:00 UTC
const secrets = {
  long: "vector secret, sixty-four bytes and more: 5f1d7c0b9a3e48d2b6c4a8e0f7315d2c",
  short: "vector secret",
  unicode: "vector secreto: ¿quién? ñandú 🔑 0123456789",
  blanks: "  vector secret with blanks around it, thirty-two bytes  ",
  numeric: "12345678901234567890123456789012",
};

const mo = { txID: "100000001", msisdn: "525555501423", message: "Hola", dateTimeTransaction: "2022-07-28T12:11:53" };
const mt = {
  code: 200,
  message: "SMS sent successfully",
  txID: "9DR0lZqiqBFoHGKkYn40",
  response: {
    msisdn: "525555501423",
    cost: 0.29,
    encoding: "USC-2",
    segments: 1,
    mcc: "716",
    mnc: "",
    dateTimeTransaction: "2022-07-28T12:11:53",
  },
  error: [null],
};
const failed = { code: -208, message: "SMS ERROR", txID: "oarZnxrH1zYFLzWPchx4", response: null, error: null };
const push = { clientID: "1234-ABCD-1234", txID: "txID12345", MSISDN: "525555501423", amount: 20, status: "103" };

const lines = [];
function vector(id, claims, options = {}, { secret = secrets.long, key = secret, verifies = true } = {}) {
  const { headers = {}, ...rest } = options;
  const token = jsonwebtoken.sign(claims, key, { noTimestamp: !("iat" in claims), header: headers, ...rest });
  const read = jsonwebtoken.decode(token, { complete: true });
  const text = Buffer.from(token.split(".")[1], "base64url").toString("utf8");
  lines.push({ id, secret, header: read.header, claims: text, options, verifies, token });
}

for (const algorithm of ["HS256", "HS384", "HS512"]) {
  vector(`${algorithm}: MO`, mo, { algorithm });
  vector(`${algorithm}: MT`, mt, { algorithm });
  vector(`${algorithm}: MT that failed`, failed, { algorithm });
  vector(`${algorithm}: pushStatus`, push, { algorithm });
  vector(`${algorithm}: iat`, { ...mo, iat: AT }, { algorithm });
  vector(`${algorithm}: exp in five minutes`, { ...mo, iat: AT }, { algorithm, expiresIn: 300 });
  vector(`${algorithm}: exp and nbf`, { ...mt, iat: AT }, { algorithm, expiresIn: "1h", notBefore: 0 });
  vector(`${algorithm}: every registered claim`, { ...mo, iat: AT }, {
    algorithm, expiresIn: 300, audience: "hookline", issuer: "zorya", jwtid: "id-1", subject: "callback", keyid: "key-1",
  });
  vector(`${algorithm}: unicode`, { ...mo, message: "¿Qué tal? Ça va 漢字 👍🏽 \u0000\u001f\u2028" }, { algorithm });
  vector(`${algorithm}: under data`, { data: mo, iat: AT }, { algorithm });
  vector(`${algorithm}: under payload`, { payload: mt }, { algorithm });
  vector(`${algorithm}: no claims`, {}, { algorithm });
  vector(`${algorithm}: a short secret`, mo, { algorithm }, { secret: secrets.short });
  vector(`${algorithm}: a secret of unicode`, mo, { algorithm }, { secret: secrets.unicode });
  vector(`${algorithm}: a secret with blanks`, mo, { algorithm }, { secret: secrets.blanks });
  vector(`${algorithm}: a secret of digits`, mo, { algorithm }, { secret: secrets.numeric });
}
vector("no typ in the header", mo, { algorithm: "HS256", headers: { typ: undefined } });
vector("more in the header", mo, { algorithm: "HS256", headers: { cty: "json", x: { y: [1, 2] } } });

const refused = { verifies: false };
vector("none", mo, { algorithm: "none" }, { ...refused, key: "" });
vector("expired", { ...mo, iat: AT - 3600 }, { algorithm: "HS256", expiresIn: 60 }, refused);
vector("not yet", { ...mo, iat: AT }, { algorithm: "HS256", notBefore: 3600 }, refused);
vector("another secret", mo, { algorithm: "HS256" }, { ...refused, key: secrets.unicode });
vector("crit", mo, { algorithm: "HS256", headers: { crit: ["x"], x: 1 } }, refused);

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (pair) => pair.publicKey.export({ type: "spki", format: "pem" });
for (const algorithm of ["RS256", "RS384", "RS512", "PS256"])
  vector(`${algorithm}: the public key as the secret`, mo, { algorithm }, { ...refused, secret: pem(rsa), key: rsa.privateKey });
vector("ES256: the public key as the secret", mo, { algorithm: "ES256" }, { ...refused, secret: pem(ec), key: ec.privateKey });
vector("HS256 keyed with an RSA public key", mo, { algorithm: "HS256" }, { ...refused, secret: pem(rsa) });
vector("HS256 keyed with an EC public key", mo, { algorithm: "HS256" }, { ...refused, secret: pem(ec) });

for (const line of lines) console.log(JSON.stringify(line));
