import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { sanitiseConfig } from "../../../../../lib/steps/infra/redact/site-config.ts";

const CONFIG = `# yaml-language-server: $schema=./site.schema.json
# the old one: postgresql://clara:planted1@localhost/clara
site: clara   # password: planted2!
root: \${CLARA}
dest: \${BACKUP_ROOT:-/srv/clara_backups}
database:
  - url: postgresql://clara:planted3@localhost/clara
    password_file: /etc/holdfast/db_password
    migrate: [python, manage.py, migrate, --noinput]
  - url: "mysql://clara@localhost/clara"
    password: planted4
    password_command: [pass, show, clara/db]
  - password: |
      planted5
      planted6
    port: 1
  - pass: 'it''s planted7'
    secrets: [planted8, "planted9"]
    token: \${TOKEN:-planted10}
    secret: \${SECRET}
    private_key: >-
      planted11
      planted12
projects:
  query: >-
    select p.id, p.token_count as password_length
    from clara_app_claraproject p where p.key = 'x'
hooks:
  before: [mysql, -uclara, -pplanted13, clara]
  after: [curl, -u, "anna:planted14", -H, "Authorization: Bearer planted15", --token, planted16, --retry, "3"]
  on_error: [sh, -c, "PGPASSWORD=planted17 psql -c 'select 1'"]
health: { smoke: [curl, -fsS, "http://127.0.0.1:8000/?token=planted18&x=1"], password: planted19, }
feed: &feed https://anna:planted20@feed.example/
again: *feed
alerts: # an old one: https://hc.example/planted21
  routes:
    - { name: monitor, healthchecks: { url: https://hc.example/ping/planted22, job: backup } }
    # - { name: other, healthchecks: { url: "https://hc.example/ping/planted23" } }
    - name: chat
      webhook: { preset: telegram, chat: "42", url: 'https://bot.example/planted24', token: "planted25" }
    - name: mail
      smtp: { host: mail.example, user: x, password: planted26, from: a@example.org, to: [b@example.org] }
    - { name: phone, command: [apprise, "tgram://planted27/42", --config, /etc/apprise.yaml] }
    - { name: good, webhook: { preset: slack, url_file: /etc/holdfast/slack } }
    - { name: variable, webhook: { preset: slack, url: "\${SLACK}" } }
infra: { keep_values: [DEBUG, ALLOWED_HOSTS], redact: [LICENCE] }
`;

describe("the config in a run", () => {
  const clean = sanitiseConfig(CONFIG);

  test("holds none of its secrets", () => {
    expect(clean).not.toContain("planted");
  });

  test("is the same in all the rest", () => {
    const words = (value: unknown): string =>
      JSON.stringify(value)
        .replaceAll(
          /[a-z]+:\/\/[\w./]*planted2[247](?:\/42)?|it's planted7|planted5\\nplanted6\\n|planted11 planted12|Bearer planted15|planted\d+/g,
          "•",
        )
        .replaceAll("***REDACTED***", "•");
    expect(words(parse(clean))).toBe(words(parse(CONFIG)));
    const lines = clean.split("\n");
    for (const line of CONFIG.split("\n"))
      if (!/planted|(?:password|key): [|>]/.test(line)) expect(lines).toContain(line);
  });

  test("does not change when it is cleaned again", () => {
    expect(sanitiseConfig(clean)).toBe(clean);
  });

  test("without a secret is the same bytes", () => {
    const text = "site: clara\r\nroot: /srv/clara # here\r\ndatabase: {url: 'sqlite:///db.sqlite3'}\r\n\r\n";
    expect(sanitiseConfig(text)).toBe(text);
  });
});
