/** Debian's own Python: on a PATH, `python3` may be a wrapper that takes longer to choose a version than a test takes. */
export const PYTHON = "/usr/bin/python3";
