/* The file of an issuer's keys: what is one, and whose. */
#include "tests/unit/lib/auth/jwk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/key_file.h"

#define ISSUER "\"issuer\":\"https://id\""
#define TIME "\"fetched_ms\":1795225140123"
#define KEY                                                         \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":" \
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}" /* RFC 8037 A.2 */
#define SOUND "{" ISSUER "," TIME ",\"keys\":[" KEY "]}"

static char dir[] = "/tmp/wp-test-key-file-XXXXXX";
static char path[64];

static void put(const char *text, mode_t mode)
{
	FILE *file;

	(void)unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static enum wp_err load(struct wp_error *err)
{
	struct wp_key_file_mark mark;
	struct wp_key_file file;
	enum wp_err rc = wp_key_file_load(&file, path, &mark, err);

	wp_key_file_release(&file);
	return rc;
}

static void a_name_is_made_of_the_issuer(void **state)
{
	char name[WP_KEY_FILE_NAME_MAX + 1], *all;
	char folder[] = "/var/keys";
	struct wp_conf conf = { 0 };

	(void)state;
	wp_key_file_name("https://id.example", name);
	assert_string_equal(name,
			    "issuer-20a69b77c18109782ebd19432534d036.json");
	assert_int_equal(strlen(name), WP_KEY_FILE_NAME_MAX);
	conf.auth.key_dir = folder;
	all = wp_key_file_path(&conf, "https://id.example");
	assert_memory_equal(all, "/var/keys/issuer-", 17);
	assert_string_equal(all + 10, name);
	free(all);
}

static void all_of_a_file_is_read(void **state)
{
	static const char text[] =
		"{" ISSUER ",\"jwks_uri\":\"https://id/keys\",\"etag\":"
		"\"\\\"x\\\"\",\"more\":[{}]," TIME ",\"keys\":[" KEY "]}";
	struct wp_key_file file;

	(void)state;
	assert_int_equal(wp_key_file_parse(&file, text, strlen(text), NULL),
			 WP_OK);
	assert_string_equal(file.issuer, "https://id");
	assert_string_equal(file.jwks_uri, "https://id/keys");
	assert_string_equal(file.etag, "\"x\"");
	assert_int_equal(file.fetched_ms, 1795225140123);
	assert_int_equal(file.jwks->n, 1);
	assert_string_equal(file.jwks->keys[0].kid, "a");
	assert_int_equal(file.jwks->keys[0].raw.len, strlen(KEY));
	wp_key_file_release(&file);
	assert_int_equal(wp_key_file_parse(&file, SOUND, strlen(SOUND), NULL),
			 WP_OK);
	assert_string_equal(file.jwks_uri, "");
	assert_string_equal(file.etag, "");
	wp_key_file_release(&file);
}

static void odd_files_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{",
		"{" ISSUER ",\"keys\":[]}",
		"{" TIME ",\"keys\":[]}",
		"{" ISSUER "," TIME "}",
		"{" ISSUER "," ISSUER "," TIME ",\"keys\":[]}",
		"{" ISSUER "," TIME "," TIME ",\"keys\":[]}",
		"{" ISSUER "," TIME ",\"keys\":{}}",
		"{" ISSUER "," TIME ",\"keys\":[]}x",
		"{" ISSUER ",\"fetched_ms\":0,\"keys\":[]}",
		"{" ISSUER ",\"fetched_ms\":-1,\"keys\":[]}",
		"{" ISSUER ",\"fetched_ms\":1.5,\"keys\":[]}",
		"{" ISSUER ",\"fetched_ms\":\"1\",\"keys\":[]}",
		"{" ISSUER ",\"fetched_ms\":9999999999999999,\"keys\":[]}",
		"{\"issuer\":1," TIME ",\"keys\":[]}",
		"{\"issuer\":\"a\\u0000\"," TIME ",\"keys\":[]}",
	};
	struct wp_key_file file;
	struct wp_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (wp_key_file_parse(&file, texts[i], strlen(texts[i]),
				      &err) != WP_ERR_INVAL)
			fail_msg("%s", texts[i]);
		wp_key_file_release(&file);
	}
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	static const mode_t good[] = { 0600, 0640, 0644, 0440 };
	static const mode_t bad[] = { 0660, 0602, 0666 };
	struct wp_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		put(SOUND, good[i]);
		assert_int_equal(load(NULL), WP_OK);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(SOUND, bad[i]);
		assert_int_equal(load(&err), WP_ERR_DENIED);
		assert_string_equal(err.msg, "the file of keys may be written "
					     "by its group or by others");
	}
	if (geteuid() != 0)
		return; /* only root gives a file away */
	put(SOUND, 0600);
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(load(&err), WP_ERR_DENIED);
	assert_string_equal(err.msg,
			    "the file of keys belongs to somebody else than "
			    "this program's user and root");
}

static void what_is_no_file_is_refused_and_never_waited_for(void **state)
{
	struct wp_error err;

	(void)state;
	(void)unlink(path);
	assert_int_equal(load(NULL), WP_ERR_NOTFOUND);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(&err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "the file of keys is no file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(load(NULL), WP_ERR_INVAL);
	assert_int_equal(rmdir(path), 0);
	put(SOUND, 0600);
	assert_int_equal(truncate(path, WP_KEY_FILE_BYTES_MAX + 1), 0);
	assert_int_equal(load(&err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "the file of keys is too long");
}

static void another_file_in_its_place_is_noticed(void **state)
{
	struct wp_key_file_mark none, first, again, next;
	struct wp_key_file file;

	(void)state;
	(void)unlink(path);
	none = wp_key_file_look(path);
	assert_false(none.is_there);
	put(SOUND, 0600);
	assert_int_equal(wp_key_file_load(&file, path, &first, NULL), WP_OK);
	assert_null(file.jwks->keys[0].raw.data);
	wp_key_file_release(&file);
	again = wp_key_file_look(path);
	assert_true(wp_key_file_is_same(&first, &again));
	assert_false(wp_key_file_is_same(&first, &none));
	/* In place, as by rename(): another file of the same size. */
	{
		char other[80];

		snprintf(other, sizeof(other), "%s.new", path);
		assert_int_equal(link(path, other), 0);
		put(SOUND, 0600);
		next = wp_key_file_look(path);
		assert_int_equal(unlink(other), 0);
	}
	assert_false(wp_key_file_is_same(&first, &next));
}

static int make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/keys", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_made_of_the_issuer),
		cmocka_unit_test(all_of_a_file_is_read),
		cmocka_unit_test(odd_files_are_refused),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(
			what_is_no_file_is_refused_and_never_waited_for),
		cmocka_unit_test(another_file_in_its_place_is_noticed),
	};

	return cmocka_run_group_tests_name("key_file", tests, make_dir,
					   remove_dir);
}
