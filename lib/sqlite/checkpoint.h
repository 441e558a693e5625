/*
 * checkpoint.h - when what is in the log of a database moves into it.
 *
 * SQLite moves it behind a commit, with no lock against those who write. In
 * every version before 3.51.3 a checkpoint that begins while another connection
 * starts the log anew can leave a log whose first part is never moved: what was
 * committed is lost, or the file is damaged (sqlite.org/wal.html, "The
 * WAL-Reset Bug"). Here nobody can write while a checkpoint runs.
 * docs/decisions/0031-nobody-writes-during-a-checkpoint.md
 */
#ifndef WP_LIB_SQLITE_CHECKPOINT_H
#define WP_LIB_SQLITE_CHECKPOINT_H

#include <sqlite3.h>

/* Of one connection. */
struct wp_sqlite_checkpoints;

/*
 * Take the place of SQLite's own checkpoints on a connection: from now on, a
 * commit that leaves 1000 pages or more in the log moves them, unless somebody
 * else writes just then; the next commit tries again.
 *
 * Ownership:  the caller's; wp_sqlite_checkpoints_stop() before handle closes
 * Errors:     NULL for want of memory; handle is as it was
 * Threads:    the connection's
 */
struct wp_sqlite_checkpoints *wp_sqlite_checkpoints_start(sqlite3 *handle);

/* NULL is fine. No checkpoint follows but that of the last to close. */
void wp_sqlite_checkpoints_stop(struct wp_sqlite_checkpoints *checkpoints);

#endif /* WP_LIB_SQLITE_CHECKPOINT_H */
