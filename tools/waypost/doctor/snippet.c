/*
 * snippet.c - see snippet.h. No parser of either language: a line that begins
 * with the word include, and one that begins with the mark, are all it knows.
 * Bounded in files, depth, lines and what patterns are tried on: configurations
 * may include themselves, and of whose process one is nobody knows, so that it
 * may have been written to keep us busy.
 */
#include "tools/waypost/doctor/snippet.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DEPTH_MAX = 8,
	FILES_MAX = 512,
	LINE_MAX_BYTES = 4096,
	LINES_MAX = 250000,  /* of all files */
	ENTRIES_MAX = 20000, /* of folders, and includes */
	WORDS_MAX = 32,
};

struct walk {
	struct wp_snippet *out;
	char folder[WP_SNIPPET_PATH_MAX + 1]; /* of the first file */
	size_t n_left;
	size_t lines_left;
};

/* Of the walk that goes on: glob(3) hands on nothing. */
static size_t entries_left;

static bool take_entry(void)
{
	if (entries_left == 0)
		return false;
	entries_left--;
	return true;
}

static void *open_folder(const char *path)
{
	return take_entry() ? opendir(path) : NULL;
}

static struct dirent *read_folder(void *folder)
{
	return take_entry() ? readdir(folder) : NULL;
}

static void close_folder(void *folder)
{
	(void)closedir(folder);
}

static void read_conf(struct walk *walk, const char *path, int depth);

static void note_mark(struct walk *walk, const char *line, const char *path)
{
	static const char mark[] = "# waypost-snippet ";
	long version;

	if (strncmp(line, mark, sizeof(mark) - 1) != 0)
		return;
	version = strtol(line + sizeof(mark) - 1, NULL, 10);
	if (version <= 0 ||
	    (walk->out->version > 0 && walk->out->version <= version))
		return;
	walk->out->version = version;
	(void)snprintf(walk->out->where, sizeof(walk->out->where), "%s", path);
}

/* The path of `include <path>;`, `include "<path>"`; NULL: it is none. */
static char *find_include(char *line)
{
	static const char word[] = "include", blanks[] = " \t",
			  ends[] = "\"';\r\n";
	char *at = line + strspn(line, blanks);

	if (strncmp(at, word, sizeof(word) - 1) != 0)
		return NULL;
	at += sizeof(word) - 1;
	if (*at != ' ' && *at != '\t')
		return NULL;
	at += strspn(at, blanks);
	at += *at == '"' || *at == '\'';
	at[strcspn(at, ends)] = '\0';
	return *at != '\0' ? at : NULL;
}

static void follow(struct walk *walk, const char *path, int depth)
{
	char whole[2 * WP_SNIPPET_PATH_MAX + 2];
	glob_t found = {
		.gl_opendir = open_folder,
		.gl_readdir = read_folder,
		.gl_closedir = close_folder,
		.gl_lstat = lstat,
		.gl_stat = stat,
	};

	if (!take_entry())
		return;
	if (path[0] == '/')
		(void)snprintf(whole, sizeof(whole), "%s", path);
	else
		(void)snprintf(whole, sizeof(whole), "%s/%s", walk->folder,
			       path);
	if (glob(whole, GLOB_ALTDIRFUNC, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_conf(walk, found.gl_pathv[i], depth + 1);
	globfree(&found);
}

/* A file and nothing else, of which some are never read to the end. */
static FILE *open_conf(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = NULL;
	struct stat st;

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		file = fdopen(fd, "r");
	if (file == NULL && fd != -1)
		close(fd);
	return file;
}

static void read_conf(struct walk *walk, const char *path, int depth)
{
	char line[LINE_MAX_BYTES];
	FILE *file;

	if (depth > DEPTH_MAX || walk->n_left == 0)
		return;
	file = open_conf(path);
	if (file == NULL)
		return;
	walk->n_left--;
	walk->out->n_files++;
	while (walk->lines_left > 0) {
		const char *included;

		if (fgets(line, sizeof(line), file) == NULL)
			break;
		walk->lines_left--;
		note_mark(walk, line, path);
		included = find_include(line);
		if (included != NULL)
			follow(walk, included, depth);
	}
	fclose(file);
}

void wp_snippet_find(struct wp_snippet *out, const char *path)
{
	struct walk walk = {
		.out = out,
		.n_left = FILES_MAX,
		.lines_left = LINES_MAX,
	};
	char copy[WP_SNIPPET_PATH_MAX + 1];

	*out = (struct wp_snippet){ .version = 0 };
	entries_left = ENTRIES_MAX;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	(void)snprintf(walk.folder, sizeof(walk.folder), "%s", dirname(copy));
	read_conf(&walk, path, 0);
}

/* ---- which configuration ---- */

/* The words of cmdline, which is changed. */
static size_t cut(char *text, size_t len, const char *ends,
		  char *words[WORDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < WORDS_MAX; i++) {
		bool is_first = i == 0 || text[i - 1] == '\0';

		if (strchr(ends, text[i]) != NULL) /* NUL ends, too */
			text[i] = '\0';
		else if (is_first)
			words[n++] = text + i;
	}
	return n;
}

static const char *word_behind(char *const *words, size_t n, const char *flag)
{
	for (size_t i = 0; i + 1 < n; i++)
		if (strcmp(words[i], flag) == 0)
			return words[i + 1];
	return NULL;
}

static bool ends_with_name(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

bool wp_snippet_conf_of(const char *cmdline, size_t len,
			char out[WP_SNIPPET_PATH_MAX + 1])
{
	static const char master[] = "nginx: master process ";
	size_t skipped = sizeof(master) - 1;
	bool is_nginx = len > skipped && memcmp(cmdline, master, skipped) == 0;
	char text[LINE_MAX_BYTES], *words[WORDS_MAX];
	const char *path;
	size_t n;

	if (is_nginx) {
		cmdline += skipped;
		len -= skipped;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, cmdline, len);
	text[len] = '\0';
	n = cut(text, len, is_nginx ? " " : "", words);
	if (n == 0 || (!is_nginx && !ends_with_name(words[0], "lighttpd")))
		return false;
	path = word_behind(words, n, is_nginx ? "-c" : "-f");
	if (path == NULL)
		path = is_nginx ? "/etc/nginx/nginx.conf"
				: "/etc/lighttpd/lighttpd.conf";
	if (path[0] != '/' || strlen(path) > WP_SNIPPET_PATH_MAX)
		return false;
	(void)snprintf(out, WP_SNIPPET_PATH_MAX + 1, "%s", path);
	return true;
}
