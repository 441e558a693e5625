/*
 * prom_file.c - see prom_file.h. The exporter may read at any moment, so the
 * file is made beside and renamed (rename(2)); it ends in .prom only then.
 */
#include "tools/waypost/doctor/prom_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

enum { MODE = 0644, MS_PER_S = 1000 };

static void add_step(struct wp_buf *out, const char *step, uint64_t us)
{
	if (us > 0)
		wp_buf_printf(out,
			      "waypost_canary_duration_seconds{step=\"%s\"} "
			      "%.6f\n",
			      step, (double)us / 1e6);
}

static void write_text(struct wp_buf *out, bool is_well,
		       const struct wp_canary_times *times)
{
	wp_buf_printf(out,
		      "# HELP waypost_canary_success The last canary got "
		      "through.\n"
		      "# TYPE waypost_canary_success gauge\n"
		      "waypost_canary_success %d\n"
		      "# HELP waypost_canary_last_timestamp_seconds When it "
		      "flew.\n"
		      "# TYPE waypost_canary_last_timestamp_seconds gauge\n"
		      "waypost_canary_last_timestamp_seconds %" PRId64 "\n"
		      "# HELP waypost_canary_duration_seconds How long each "
		      "step took.\n"
		      "# TYPE waypost_canary_duration_seconds gauge\n",
		      is_well, wp_wall_ms() / MS_PER_S);
	add_step(out, "accepted", times->accepted_us);
	add_step(out, "poked", times->poked_us);
	add_step(out, "pulled", times->pulled_us);
	add_step(out, "from_disk", times->from_disk_us);
}

static enum wp_err put(const char *path, const char *new_path,
		       const struct wp_buf *text, struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	int fd;

	/* Of one that was cut off; or a link of whoever owns the folder, and
	 * root writes here. */
	(void)unlink(new_path);
	fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
	if (fd == -1)
		return wp_error_sys(err, "%.150s", new_path);
	if (write(fd, text->data, text->len) != (ssize_t)text->len ||
	    fchmod(fd, MODE) == -1)
		rc = wp_error_sys(err, "%.150s", new_path);
	close(fd);
	if (rc == WP_OK && rename(new_path, path) == -1)
		rc = wp_error_sys(err, "%.150s", path);
	if (rc != WP_OK)
		(void)unlink(new_path);
	return rc;
}

enum wp_err wp_prom_file_write(const char *path, bool is_well,
			       const struct wp_canary_times *times,
			       struct wp_error *err)
{
	struct wp_buf text, new_path;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	wp_buf_init(&new_path, 0);
	wp_buf_printf(&new_path, "%s.new", path);
	write_text(&text, is_well, times);
	rc = text.failed || new_path.failed
		     ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
		     : put(path, new_path.data, &text, err);
	wp_buf_release(&text);
	wp_buf_release(&new_path);
	return rc;
}
