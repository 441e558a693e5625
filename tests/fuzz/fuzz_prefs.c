/*
 * Any bytes as preferences: what is taken is within its bounds, and what is
 * written of it is read as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/push/prefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static void write_it(const struct wp_prefs *prefs, struct wp_buf *out)
{
	wp_buf_init(out, WP_PREFS_BYTES_MAX);
	wp_prefs_write(prefs, out);
	must(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read beyond it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	struct wp_error err = { 0 };
	struct wp_buf first, second;
	struct wp_prefs prefs;

	must(text != NULL);
	memcpy(text, data, size);
	if (wp_prefs_read(&prefs, text, size, &err) != WP_OK) {
		must(err.msg[0] != '\0');
		free(text);
		return 0;
	}
	must(prefs.n_hours <= WP_PREFS_HOURS_MAX);
	for (size_t i = 0; i < prefs.n_hours; i++)
		must(prefs.hours[i].days != 0 && prefs.hours[i].days < 0x80 &&
		     prefs.hours[i].from_min < WP_PREFS_DAY_MIN &&
		     prefs.hours[i].to_min <= WP_PREFS_DAY_MIN &&
		     prefs.hours[i].from_min != prefs.hours[i].to_min);
	write_it(&prefs, &first);
	must(wp_prefs_read(&prefs, first.data, first.len, &err) == WP_OK);
	write_it(&prefs, &second);
	must(first.len == second.len &&
	     memcmp(first.data, second.data, first.len) == 0);
	wp_buf_release(&first);
	wp_buf_release(&second);
	free(text);
	return 0;
}
