-- A store as schema version 1 left it, as SQL: three commits, the first one's history compacted.
-- Kept for ever: store/sqlite_store_test.cc migrates it.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 3), ('compacted', 1);
CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL,
                      modified INTEGER NOT NULL);
INSERT INTO entries VALUES
  ('/spec/machine/lab/web', CAST('{"vcpus":2}' AS BLOB), 1, 3),
  ('/spec/machine/lab/wüst', x'00ff10', 2, 2);
CREATE TABLE changes (id INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB);
INSERT INTO changes VALUES
  (2 * 1048576 + 0, '/spec/machine/lab/wüst', x'00ff10'),
  (2 * 1048576 + 1, '/spec/machine/lab/old', NULL),
  (3 * 1048576 + 0, '/spec/machine/lab/web', CAST('{"vcpus":2}' AS BLOB));
PRAGMA application_id = 1112687697;
PRAGMA user_version = 1;
