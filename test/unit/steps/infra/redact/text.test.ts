import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PLACEHOLDER, redactText } from "../../../../../lib/steps/infra/redact/text.ts";
import { INNOCENT, SECRETS } from "../../../../support/secrets.ts";

/** Stands in the fixed parts of tokens, so that no scanner takes this file for a leak. */
const CUT: string = "";

const NONE = { keepValues: [] };
const redact = (text: string): string => redactText(text, NONE).text;

/** Each line with its secrets between ⟦ and ⟧: they must go, and all the rest must stay. */
const GO: readonly string[] = [
  // Django and other Python
  `SECRET_KEY = '⟦django-insecure${CUT}-k2#x!9v⟧'`,
  `SECRET_KEY = "⟦abc⟧"  # the old one was "x"`,
  `SECRET_KEY: str = "⟦abc⟧"`,
  `SECRET_KEY = (\n    "⟦first half⟧"\n    "⟦second half⟧"\n)`,
  `SECRET_KEY = \\\n    "⟦below⟧"`,
  `import os\nSECRET_KEY = "⟦one⟧" if DEBUG else "⟦two⟧"`,
  `import os\nSECRET_KEY = "⟦one⟧" + "⟦two⟧"`,
  `SECRET_KEY = os.environ.get("SECRET_KEY", "⟦fallback⟧")`,
  `SECRET_KEY = os.environ.get("SECRET_KEY") or "⟦fallback⟧"`,
  `SECRET_KEY = env("SECRET_KEY", default="⟦fallback⟧")`,
  `SECRET_KEY = base64.b64decode("⟦c2VjcmV0⟧")`,
  `key = os.getenv("API_TOKEN", "⟦fallback⟧")`,
  `os.environ["DB_PASSWORD"] = "⟦planted⟧"`,
  `os.environ.setdefault("DB_PASSWORD", "⟦planted⟧")`,
  `SECRET_KEY_FALLBACKS = ["⟦old one⟧", '⟦older⟧']`,
  `SECRET_KEY_FALLBACKS = [\n    "⟦old one⟧",\n    "⟦older⟧",\n]`,
  `DATABASES = {"default": {"USER": "clara", "PASSWORD": "⟦p⟧", "HOST": "db"}}`,
  `    'PASSWORD': '⟦it\\'s⟧',`,
  `DATABASES["default"]["PASSWORD"] = "⟦planted⟧"`,
  `CREDENTIALS = {"user": "anna", "password": "⟦planted⟧", "host": "db"}`,
  `API_TOKENS = {"anna": "⟦one⟧", "ben": "⟦two⟧"}`,
  `PRIVATE_TOKEN = """\n⟦planted⟧\n"""`,
  `if token == "⟦planted⟧":`,
  `connect(host="db", password="⟦planted⟧", port=5432)`,
  `STRIPE_WEBHOOK_SECRET = b"⟦planted⟧"`,
  `# DB_PASSWORD = "⟦of last year⟧"`,
  `# the password for anna is ⟦hunter2⟧`,
  `import os\nSECRET_KEY, DEBUG = "⟦planted⟧", "x"`,
  `PASSWORDS = {\n    "anna": "⟦one⟧",\n    # "ben": "⟦two⟧",\n}`,
  `AUTH = ("clara", "⟦planted1⟧")`,
  `SOCIAL_AUTH_GOOGLE_OAUTH2_SECRET = r'⟦planted⟧'`,
  // shell and environment
  `export DB_PASSWORD='⟦with space and # sign⟧'`,
  `PGPASSWORD=⟦planted⟧ pg_dump -U clara clara | gzip`,
  `DB_PASSWORD="⟦over\ntwo lines⟧"`,
  `DB_PASSWORD=⟦correct horse battery⟧`,
  `DB_PASSWORD=\${DB_PASSWORD:-⟦fallback⟧}`,
  `command: serve --db clara:\${DB_PASSWORD:-⟦fallback⟧}@db`,
  `DB_PASSWORD='⟦$ecret123⟧'`,
  `0 3 * * * PGPASSWORD=⟦planted⟧ pg_dump -U clara clara > /srv/x.sql`,
  `0 3 * * * mysqldump -u clara -p⟦planted⟧ clara`,
  `0 3 * * * mysqldump -u clara -p'⟦plan ted⟧' clara`,
  `5 * * * * curl -fsS -u anna:⟦planted⟧ https://clara.example/ping`,
  `5 * * * * curl -H "X-Api-Key: ⟦planted⟧" -H 'Authorization: ⟦Bearer planted⟧' https://clara.example/`,
  `redis-cli -h cache -a ⟦planted⟧ bgsave`,
  `sshpass -p ⟦planted⟧ ssh clara@host`,
  `openssl enc -aes256 -pass ⟦pass:planted⟧ -in x`,
  `5 * * * * curl -b "⟦session=planted⟧" -d '{"password":"⟦planted⟧","user":"x"}' https://clara.example/`,
  `5 * * * * aws configure set aws_secret_access_key ⟦planted⟧`,
  `mount -o username=anna,password=⟦planted⟧,uid=1 //host/share /mnt`,
  `DB_PASSWORD=⟦abc\\\ndef⟧\nPORT=1`,
  // units
  `Environment="DB_PASSWORD=⟦a b⟧" "WORKERS=3" 'API_KEY=⟦planted⟧'`,
  `Environment=DB_PASSWORD=⟦planted⟧ WORKERS=3`,
  `ExecStart=/usr/bin/app --password=⟦planted⟧ --port 80 --auth-token ⟦planted⟧ --name x`,
  `ExecStart=/usr/bin/app --db-password "⟦two words⟧" \\\n  --port 80`,
  `SetCredential=⟦db:planted⟧`,
  `PresharedKey = ⟦planted⟧`,
  // nginx and redis
  `proxy_set_header Authorization "⟦Bearer planted⟧";`,
  `proxy_set_header X-Api-Key ⟦planted⟧;`,
  `fastcgi_param DB_PASSWORD "⟦planted⟧";`,
  `set $api_token "⟦planted⟧";`,
  `if ($http_x_token != "⟦planted⟧") { return 403; }`,
  `map $http_x_api_key $ok {\n  default 0;\n  "⟦planted⟧" 1;\n}`,
  `secure_link_md5 "$secure_link_expires$uri ⟦planted⟧";`,
  `if ($http_authorization !~ "⟦Bearer planted⟧") { return 401; }`,
  `uwsgi_param SECRET_KEY ⟦planted⟧;`,
  `requirepass ⟦foobared⟧`,
  `user default on >⟦planted⟧ ~* +@all`,
  // YAML, JSON, TOML, ini, XML, SQL, netrc
  `  password: ⟦correct horse battery⟧ # of the site`,
  `password:\n  ⟦planted⟧\nport: 1`,
  `private_key: |\n  ⟦first\n  second⟧\nport: 1`,
  `{ user: anna, password: ⟦planted⟧, port: 1 }`,
  `tokens: [⟦one1⟧, ⟦two2⟧]`,
  `- POSTGRES_PASSWORD=⟦planted⟧`,
  `- name: DB_PASSWORD\n  value: ⟦planted⟧`,
  `{"password": "⟦planted⟧", "port": 1}`,
  `{"args": ["--password", "⟦planted⟧", "--port", "1"]}`,
  `client_secret = "⟦planted⟧"`,
  `<password>⟦planted⟧</password>`,
  `create user clara identified by '⟦planted⟧';`,
  `alter role clara with password '⟦planted⟧';`,
  `machine git.example login anna password ⟦planted⟧`,
  `"host=db user=clara password=⟦planted⟧ dbname=clara"`,
  `define('DB_PASSWORD', '⟦planted⟧');`,
  `passwords:\n  anna: ⟦one⟧\n  ben: "⟦two⟧"\nport: 1`,
  `tokens:\n  - ⟦one1⟧\n  - "⟦two2⟧"`,
  `[secrets]\nanna = "⟦one⟧"\n[site]\nname = "clara"`,
  `<db-password>⟦planted⟧</db-password>`,
  `grant all on *.* to 'x'@'%' identified by "⟦planted⟧";`,
  `db:5432:clara:clara:⟦planted⟧`,
  `//registry.example/:_authToken=⟦planted⟧`,
  // URLs
  `MAIL = "smtp://anna@clara.example:⟦planted⟧@smtp.example:25"`,
  `DATABASE_URL = "postgres://clara:⟦planted⟧@db:5432/clara"`,
  `DATABASE_URL=postgres://clara:⟦p@ss/w#rd⟧@db:5432/clara`,
  `CACHE = "redis://:⟦planted⟧@cache:6379/1"`,
  `url = https://⟦ghp${CUT}_0123456789abcdefghij⟧@github.com/clara/clara.git`,
  `report = "https://⟦0123456789abcdef0123456789abcdef⟧@o1.ingest.sentry.example/4"`,
  `feed = https://feed.example/?format=json&access_token=⟦planted⟧&page=2`,
  `blob = "https://x.blob.example/y?sv=2022&sig=⟦Ab1Cd2Ef3Gh4Ij5Kl6Mn7%3D⟧&sp=r"`,
  // by shape, whatever the key
  `a = "⟦AK${CUT}IAJ4K5L6M7N8O9P0QR⟧"`,
  `a = "⟦github${CUT}_pat_11ABCDEFG0abcdefghij_klmno⟧"`,
  `a = "⟦gl${CUT}pat-abcdefghij0123456789⟧"`,
  `a = "⟦xo${CUT}xb-123456789012-abcdefghijkl⟧"`,
  `a = "https://hooks.slack.com${CUT}/services/⟦T01234567/B01234567/abcdefghij⟧"`,
  `a = "https://discord.com/api/webhooks${CUT}/⟦123456789/abcdefghij-klm⟧"`,
  `a = "⟦sk${CUT}_live_abcdefghij0123⟧"`,
  `a = "⟦sk${CUT}-proj-abcdefghij0123456789⟧"`,
  `a = "⟦sk${CUT}-ant-api03-abcdefghij0123456789⟧"`,
  `a = "⟦AI${CUT}zaSyA0123456789abcdefghijklmnopqrstuv⟧"`,
  `a = "⟦ey${CUT}JhbGciOiJIUzI1NiJ9.ey${CUT}JzdWIiOiIxIn0.abcdefghijk⟧"`,
  `a = "⟦npm${CUT}_abcdefghij0123456789abcdefghij012345⟧"`,
  `a = "⟦S${CUT}G.abcdefghij0123456789.abcdefghij0123456789⟧"`,
  `a = "⟦S${CUT}K0123456789abcdef0123456789abcdef⟧"`,
  `a = "⟦123456789:AA${CUT}Fabcdefghij0123456789abcdefghij01⟧"`,
  `a = "⟦AGE-SECRET${CUT}-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ⟧"`,
  `admin:⟦$apr1$abcdefgh$0123456789abcdefghijkl⟧`,
  `before\n⟦-----BEGIN RSA PRIVATE${CUT} KEY-----\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n-----END RSA PRIVATE${CUT} KEY-----⟧\nafter`,
  `a = "⟦-----BEGIN PRIVATE${CUT} KEY-----\\nMIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\\n-----END PRIVATE${CUT} KEY-----⟧\\n"`,
];

/** Lines without a secret, though they may look like it. */
const STAY: readonly string[] = [
  `SECRET_KEY = os.environ["SECRET_KEY"]`,
  `SECRET_KEY = os.environ.get("SECRET_KEY", "")`,
  `SECRET_KEY = env("DJANGO_SECRET_KEY")`,
  `SECRET_KEY = Path("/run/secrets/django_key").read_text().strip()`,
  `SECRET_KEY_FALLBACKS = os.environ.get("FALLBACKS", "").split()`,
  `import os\nSIMPLE_JWT = {"SIGNING_KEY": SECRET_KEY, "ALGORITHM": "HS256"}`,
  `import os\npassword = get_password(settings.DB_PASSWORD)`,
  `import os\nSECRET_KEY = vault["clara"]["django_key"]`,
  `EMAIL_HOST_PASSWORD = None`,
  `DB_PASSWORD = ""`,
  `TOKEN_TTL = 3600`,
  `MAX_TOKENS = 4096`,
  `PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]`,
  `AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]`,
  `AUTHENTICATION_BACKENDS = ("django.contrib.auth.backends.ModelBackend",)`,
  `AUTH_USER_MODEL = "accounts.User"`,
  `REST_AUTH = {"USE_JWT": True, "TOKEN_MODEL": None}`,
  `CSRF_COOKIE_SECURE = True`,
  `SESSION_COOKIE_NAME = "sessionid"`,
  `PASSWORD_RESET_TIMEOUT = 259200`,
  `SIGNING_BACKEND = "django.core.signing.TimestampSigner"`,
  `ALLOWED_HOSTS = ["clara.example", "www.clara.example"]`,
  `CACHE_KEY_PREFIX = "clara"`,
  `PRIMARY_KEY = "internal_id"`,
  `STATIC_ROOT = "/srv/clara/static"`,
  `RELEASE = "8f2c1d0e9b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e"`,
  `commit: 8f2c1d0e9b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e`,
  `SITE_UUID = "550e8400-e29b-41d4-a716-446655440000"`,
  `image: registry.example/clara@sha256:${"0123456789abcdef".repeat(4)}`,
  `INTEGRITY = "sha256-${Buffer.alloc(32, 7).toString("base64")}"`,
  `ssl_certificate_key /etc/letsencrypt/live/clara.example/privkey.pem;`,
  `ssl_password_file /etc/nginx/passwords;`,
  `auth_basic "Restricted area";`,
  `auth_basic_user_file /etc/nginx/.htpasswd;`,
  `proxy_pass http://127.0.0.1:8000;`,
  `proxy_set_header Authorization $http_authorization;`,
  `proxy_set_header Cookie "";`,
  `proxy_pass_header Authorization;`,
  `proxy_cookie_path / "/; HttpOnly; Secure";`,
  `location ~ ^/token/(?<id>[0-9]+)/$ { alias /srv/token/$id; }`,
  `map $http_upgrade $connection_upgrade { default upgrade; '' close; }`,
  `EnvironmentFile=-/etc/clara/secrets.env`,
  `LoadCredential=db_password:/etc/clara/db_password`,
  `Environment=DB_PASSWORD_FILE=%d/db_password`,
  `PassEnvironment=SECRET_KEY DB_PASSWORD`,
  `Environment="PYTHONUNBUFFERED=1" "PORT=8000"`,
  `PrivateTmp=true`,
  `ExecStart=/usr/bin/gunicorn clara.wsgi --bind 127.0.0.1:8000 --keyfile /etc/ssl/key.pem`,
  `ExecStart=/usr/bin/app --password-file /run/secrets/db --no-password --port 80`,
  `0 3 * * * cd /srv/clara && ./manage.py clearsessions > /var/log/clara.log 2>&1`,
  `0 4 * * * mysqldump --defaults-file=/etc/mysql/backup.cnf -P 3306 clara`,
  `5 * * * * curl -fsS https://hc-ping.example/550e8400-e29b-41d4-a716-446655440000`,
  `MAILTO=anna@clara.example`,
  `password: \${DB_PASSWORD}`,
  `password: "{{ vault_db_password }}"`,
  `password_file: /run/secrets/db`,
  `PGPASSWORD="$(cat /run/secrets/db)" pg_dump clara`,
  `secrets:\n  db_password:\n    file: ./db_password.txt`,
  `url: postgres://clara@db:5432/clara`,
  `url: postgres://clara:\${DB_PASSWORD}@db:5432/clara`,
  `url: http://127.0.0.1:8080/path/@user`,
  `origin\tgit@github.com:clara/clara.git (fetch)`,
  `origin\tssh://git@git.example:2222/clara.git`,
  `-----BEGIN CERTIFICATE-----\nMIIBMTCB5KADAgECAgEBMAUGAytlcDAYMRYwFAYDVQQDDA1jbGFyYS5leGFtcGxl\n-----END CERTIFICATE-----`,
  `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA/1X8lKBvATSgrs6ReI0OpDaKYkAxG+rbvgFhEanmNlc=\n-----END PUBLIC KEY-----`,
  `STRIPE_PUBLISHABLE_KEY = "pk_live_abcdefghij0123456789"`,
  `# the password is read from the environment`,
  `# see the token bucket paper: it is short`,
  `disk-usage-and-other-long-words-with-hyphens-2024`,
  `TOKENIZERS_PARALLELISM=false`,
  `token: \${{ secrets.GITHUB_TOKEN }}`,
  `services:\n  web:\n    secrets:\n      - db_password\n      - source: api_token\n        target: token`,
  `secretKeyRef:\n  name: clara\n  key: db-password`,
  `Description=Authorization Manager`,
  `# flagged as requiring no password: it means that every user may`,
  `password_encryption = scram-sha-256`,
  `ConditionCredential=|sysusers.extra`,
];

const marked = /⟦([\s\S]*?)⟧/g;

describe("what must go", () => {
  test.each(GO)("%s", (line) => {
    expect(redact(line.replace(marked, "$1"))).toBe(line.replace(marked, PLACEHOLDER));
  });

  test("in the middle of a file, each of them too", () => {
    const text = `before = 1\n${GO.join("\nbetween = 1\n")}\nafter = 1\n`;
    const result = redact(text.replace(marked, "$1"));
    for (const [, secret = ""] of text.matchAll(marked))
      if (/\d/.test(secret) && secret.length > 12) expect(result).not.toContain(secret);
  });

  test.each(SECRETS)("the planted $name", ({ line, marker }) => {
    expect(redact(line)).not.toContain(marker);
  });
});

describe("what must stay", () => {
  test.each([...STAY, ...INNOCENT.map(({ line }) => line)])("%s", (line) => {
    expect(redactText(line, NONE)).toEqual({ text: line, redacted: 0, keys: [] });
  });

  test("and all together, with Windows line ends", () => {
    const text = STAY.filter((line) => !line.startsWith("import")).join("\r\n");
    expect(redact(text)).toBe(text);
  });
});

describe("the config's word", () => {
  test("a named key loses its value, whatever it is", () => {
    const options = { keepValues: [], redactKeys: ["LICENCE_HOLDER"] };
    expect(redactText("licence_holder = /srv/x\nother = 1", options)).toEqual({
      text: `licence_holder = ${PLACEHOLDER}\nother = 1`,
      redacted: 1,
      keys: ["licence_holder"],
    });
  });

  test("a kept key keeps its value, but no known form of secret", () => {
    const options = { keepValues: ["PUBLIC_TOKEN", "HOOK_TOKEN"] };
    const text = `PUBLIC_TOKEN=abc\nHOOK_TOKEN=ghp${CUT}_0123456789abcdefghij`;
    expect(redactText(text, options).text).toBe(`PUBLIC_TOKEN=abc\nHOOK_TOKEN=${PLACEHOLDER}`);
  });

  test("a known secret goes wherever it stands, also encoded, but not as a part of another word", () => {
    const options = { keepValues: [], knownSecrets: ["s3cr3t/x", "clara1"] };
    const text = `a s3cr3t/x b s3cr3t%2Fx c ${Buffer.from("s3cr3t/xyz").toString("base64")} clara1 clara12`;
    expect(redactText(text, options).text).toBe(
      `a ${PLACEHOLDER} b ${PLACEHOLDER} c ${Buffer.from("s3cr3t/xyz").toString("base64")} ${PLACEHOLDER} clara12`,
    );
  });

  test("the keys are reported, the values never", () => {
    const result = redactText(`DB_PASSWORD=planted1\nAPI_TOKEN=planted2\n`, NONE);
    expect(result).toEqual({
      text: `DB_PASSWORD=${PLACEHOLDER}\nAPI_TOKEN=${PLACEHOLDER}\n`,
      redacted: 2,
      keys: ["API_TOKEN", "DB_PASSWORD"],
    });
  });
});

describe("for any text", () => {
  const safe = fc.string({
    unit: fc.constantFrom(..."bcdefghijlmnoquvwxyz äéß .,\n\t()[]{}<>+-*/|&%!?#".split("")),
    maxLength: 300,
  });
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(
        "PASSWORD",
        "secret_key",
        "token",
        "auth",
        "=",
        " = ",
        ": ",
        ":",
        '"',
        "'",
        '"""',
        "\n",
        "  ",
        " ",
        "#",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        ",",
        ";",
      ),
      fc.constantFrom(
        "|\n",
        "\\\n",
        "--password ",
        "Bearer ",
        "https://u:p1@h/",
        "?token=",
        "${X:-y}",
        "Authorization",
        "export ",
        "-p",
        "mysql",
        PLACEHOLDER,
      ),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 25 },
  );

  test("without letters of a secret's key nothing changes", () => {
    fc.assert(
      fc.property(safe, (text) => {
        expect(redact(text)).toBe(text);
      }),
    );
  });

  test("redacting twice is redacting once", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const once = redact(parts.join(""));
        expect(redact(once)).toBe(once);
      }),
      { numRuns: 1000 },
    );
  });

  test("a password behind a key is gone, whatever it is made of", () => {
    const password = fc
      .stringMatching(/^[A-Za-z0-9!#$%&*+,./:;<=>?@^_|~-]{6,24}$/)
      .filter((value) => /\d/.test(value) && /[A-Za-z]/.test(value) && !/^[$%<{/.~]|^(?:file|hash):/.test(value));
    fc.assert(
      fc.property(password, (value) => {
        expect(redact(`DB_PASSWORD = "${value}"\nx = 1`)).toBe(`DB_PASSWORD = "${PLACEHOLDER}"\nx = 1`);
        expect(redact(`{'PASSWORD': '${value}'}`)).toBe(`{'PASSWORD': '${PLACEHOLDER}'}`);
        expect(redact(`Environment="DB_PASSWORD=${value}"`)).toBe(`Environment="DB_PASSWORD=${PLACEHOLDER}"`);
      }),
    );
  });
});

test.each([
  ['test: ["CMD", "mysqladmin", "ping", "-uroot", "-pPlanted1x"]', "Planted1x"],
  ['test: { test: ["CMD", "redis-cli", "-a", "Planted1x", "ping"] }', "Planted1x"],
  ["command:\n  - mysqladmin\n  - -uroot\n  - -pPlanted1x\n", "Planted1x"],
  ['test: ["CMD", "curl", "-u", "elastic:Planted1x", "http://x"]', "Planted1x"],
  ["passwords:\n  - sunflowerhill\n", "sunflowerhill"],
  ['session.save_path = "tcp://10.0.0.5:6379?weight=1&auth=riverbankhouse"', "riverbankhouse"],
  ["account default\npassword Planted1x\n", "Planted1x"],
  ["map $arg_token $ok { default 0; Planted1x 1; }", "Planted1x"],
])("commands in lists, plain passwords and one-line maps: %s", (text, secret) => {
  const redacted = redactText(text, { keepValues: [] }).text;
  expect(redacted).not.toContain(secret);
  expect(redacted.replace("***REDACTED***", secret)).toBe(text);
});

test("names of secrets in a compose file stay", () => {
  const text = "secrets:\n  - db_password\n";
  expect(redactText(text, { keepValues: [] }).text).toBe(text);
});
