/** The demo site's config: it covers everything that is there. */
export const DEMO_CONFIG = `# The demo site. config/site.example.yaml explains every key.
site: demo
root: clara
dest: backups

database:
  url: sqlite:///db.sqlite3

projects:
  query: >-
    select p.id, p.internal_id, p.title, p.l2, p.l1, u.username as owner, p.created_at, p.updated_at
    from clara_app_claraproject p left join auth_user u on u.id = p.user_id
  source: { path: "clara_content/{internal_id}" }
  compiled:
    bundle: single
    text_types:
      normal: { path: "clara_compiled/{id}" }
      phonetic: { path: "clara_compiled_phonetic/{id}" }
      questionnaire: { path: "clara_compiled_for_questionnaire/{id}" }
    media:
      - { url: "/accounts/serve_audio_file/{path}", path: "audio/tts_repository_orm/{path}" }
      - { url: "/accounts/projects/serve_project_image/{project}/{path}", path: "images/image_repository_orm/{project}/{path}" }
    pages: { url: "/accounts/rendered_texts/{id}/{text_type}/{page}" }

legacy: { path: lara_legacy }

audio_cache:
  path: audio/tts_repository_orm
  databases: [audio/tts_metadata.db, audio/tts_metadata_local.db]
  shard_size_mb: 1 # small, to see several parts

snapshots:
  media: [audio/tts_repository, images, phonetic_lexicon, prompt_templates, phonetic_orthography, templates]

infra:
  repo: app
  env: [app/.env]
  settings: [app/clara_project/settings.py]
  keep_values: [DEBUG, ALLOWED_HOSTS, TZ]
  nginx: [app/deploy/nginx/clara.conf]
  systemd: [app/deploy/systemd/clara-web.service, app/deploy/systemd/clara-worker.service]
  crontabs: [app/deploy/crontab]
  tls: [app/deploy/tls/fullchain.pem, app/deploy/tls/privkey.pem]
`;
