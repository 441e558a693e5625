/*
 * tool.h - a program of others that a command has do something: started, and
 * waited for.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_TOOL_H
#define WP_TOOLS_WAYPOST_COPIES_TOOL_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_tool {
	pid_t pid;   /* 0: none runs */
	int said_fd; /* owned: what it wrote to its standard outputs */
};

#define WP_TOOL_NONE ((struct wp_tool){ .said_fd = -1 })

struct wp_tool_how {
	const char *const *argv; /* ends with NULL; [0] is looked for in PATH */
	const char *variable;    /* of its environment; NULL: only ours */
	const char *value;
	bool is_other; /* as uid and gid, which only root can have it */
	uid_t uid;
	gid_t gid;
};

/*
 * Start it, without our standard input. It ends when we do, by SIGTERM.
 *
 * how:        borrowed for the call
 * Ownership:  *out is the caller's; end with wp_tool_wait() or wp_tool_stop()
 * Errors:     WP_ERR_SYS  no process; that there is no such program shows as
 *                         its end
 */
enum wp_err wp_tool_start(struct wp_tool *out, const struct wp_tool_how *how,
			  struct wp_error *err) WP_MUST_USE;

/* Does it still run? Else wp_tool_wait() does not wait. */
bool wp_tool_runs(const struct wp_tool *tool);

/*
 * Wait for its end, and take what it said: the last 4 KiB.
 *
 * said:    appended
 * Errors:  WP_ERR_NOTFOUND  there is no such program
 *          WP_ERR_UNAVAIL   it failed; err.msg is its last line
 */
enum wp_err wp_tool_wait(struct wp_tool *tool, const char *name,
			 struct wp_buf *said, struct wp_error *err) WP_MUST_USE;

/* End it by force if it still runs. Nothing for WP_TOOL_NONE. */
void wp_tool_stop(struct wp_tool *tool);

/* Start and wait. */
enum wp_err wp_tool_run(const struct wp_tool_how *how, struct wp_buf *said,
			struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_TOOL_H */
