/*
 * suggest.c - what to say of a command that there is not.
 */
#include "tools/waypost/cli/suggest.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/buf.h"
#include "tools/waypost/cli/commands.h"

enum { NAME_MAX_LEN = 20, FAR = 3 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many letters one has to change, add, leave out or swap with the next to
 * make b of a; FAR or more where they are too long to be alike.
 *
 * Source: the distance of Damerau and Levenshtein, of adjacent swaps
 */
static size_t distance(const char *a, const char *b)
{
	size_t d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
	size_t n = strnlen(a, NAME_MAX_LEN + 1);
	size_t m = strnlen(b, NAME_MAX_LEN + 1);

	if (n > NAME_MAX_LEN || m > NAME_MAX_LEN)
		return FAR;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] !=
								    b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

bool wp_cli_is_noun(const char *word)
{
	for (size_t i = 0; i < wp_cli_n_rows; i++)
		if (wp_cli_rows[i].noun != NULL &&
		    strcmp(wp_cli_rows[i].noun, word) == 0)
			return true;
	return false;
}

enum wp_err wp_cli_lack_verb(const char *noun, struct wp_error *err)
{
	struct wp_buf verbs;
	const char *last = NULL;
	size_t n = 0;

	wp_buf_init(&verbs, 0);
	for (size_t i = 0; i <= wp_cli_n_rows; i++) {
		bool is_one = i < wp_cli_n_rows &&
			      wp_cli_rows[i].noun != NULL &&
			      strcmp(wp_cli_rows[i].noun, noun) == 0;

		if (!is_one && i < wp_cli_n_rows)
			continue;
		if (last != NULL)
			wp_buf_printf(&verbs, "%s%s",
				      n == 0   ? ""
				      : is_one ? ", "
					       : " or ",
				      last);
		n += last != NULL;
		last = is_one ? wp_cli_rows[i].verb : NULL;
	}
	(void)wp_error_set(err, WP_ERR_INVAL, "%s: say %.150s; try --help",
			   noun, verbs.failed ? "which" : verbs.data);
	wp_buf_release(&verbs);
	return WP_ERR_INVAL;
}

/* The word that is meant, or NULL. */
static const char *nearest(const char *word)
{
	size_t nearest_by = FAR;
	const char *found = NULL;

	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const char *name = wp_cli_rows[i].noun != NULL
					   ? wp_cli_rows[i].noun
					   : wp_cli_rows[i].verb;
		size_t far = distance(word, name);

		/* Of a short word more than a half would be another one. */
		if (far < nearest_by && 2 * far <= strlen(name)) {
			nearest_by = far;
			found = name;
		}
	}
	return found;
}

enum wp_err wp_cli_lack_command(const char *word, struct wp_error *err)
{
	enum { SHOWN = 40 };
	const char *meant = nearest(word);
	char shown[SHOWN + 1];
	size_t n = 0;

	for (; n < SHOWN && word[n] != '\0'; n++) {
		shown[n] = '?';
		if (word[n] > ' ' && word[n] < 0x7f)
			shown[n] = word[n];
	}
	shown[n] = '\0';
	if (meant == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is no command \"%s\"; try --help",
				    shown);
	return wp_error_set(err, WP_ERR_INVAL,
			    "there is no command \"%s\"; did you mean %s?",
			    shown, meant);
}
