/* A channel of a topic is read in one way only, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/name/topic.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct wp_topic topic_of(const char *pattern)
{
	struct wp_topic topic;
	struct wp_error err = { .msg = "" };

	if (wp_topic_read(&topic, pattern, &err) != WP_OK)
		fail_msg("%s: %s", pattern, err.msg);
	return topic;
}

static void patterns_become_globs(void **state)
{
	static const char *const rows[][3] = {
		{ "project:{projectId}:{user}", "project:*:*", "projectId" },
		{ "job:{jobId}:{user}", "job:*:*", "jobId" },
		{ "alert:{alert_id}:user:{user}", "alert:*:user:*",
		  "alert_id" },
	};
	char glob[WP_TOPIC_PATTERN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct wp_topic topic = topic_of(rows[i][0]);

		wp_topic_glob(&topic, glob);
		assert_string_equal(glob, rows[i][1]);
		assert_string_equal(topic.name, rows[i][2]);
	}
}

static void other_patterns_are_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"project",
		"project:",
		"project:*:*",
		"{projectId}:{user}",
		"project:{projectId}",
		"project:{projectId}:",
		"project:{projectId}{user}",
		"project:{projectId}x{user}",
		"project:{projectId}:x{user}",
		"project:{projectId}x:{user}",
		"project{projectId}:{user}",
		"project:{}:{user}",
		"project:{a:b}:{user}",
		"project:{a}:{user}x",
		"project:{a}:{b}:{user}",
		"project:{user}:{user}",
		"project:{a}:{User}",
		"pro*ject:{a}:{user}",
		"pro[j]ect:{a}:{user}",
		"pro?ject:{a}:{user}",
		"pro\\ject:{a}:{user}",
		"pro ject:{a}:{user}",
		"pro\nject:{a}:{user}",
		"project:{a}:*:{user}",
		"project:{token}:{user}",
		"project:{ticket}:{user}",
		"wp:{a}:{user}",
		"wp:poke:{a}:{user}",
		"user_noti:{a}:{user}",
	};
	char longest[WP_TOPIC_PATTERN_MAX + 2];
	struct wp_topic topic;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (wp_topic_read(&topic, rows[i], NULL) != WP_ERR_INVAL)
			fail_msg("taken: %s", rows[i]);

	memset(longest, 'p', sizeof(longest));
	strcpy(longest + WP_TOPIC_PATTERN_MAX - 12, ":{id}:{user}");
	(void)topic_of(longest);
	memset(longest, 'p', sizeof(longest));
	strcpy(longest + WP_TOPIC_PATTERN_MAX - 11, ":{id}:{user}");
	assert_int_equal(wp_topic_read(&topic, longest, NULL), WP_ERR_INVAL);
}

/* Exactly these bytes: the sanitizer sees a read past the end. */
static bool matches(const struct wp_topic *topic, const char *channel,
		    size_t len, char id[64], char who[64])
{
	char *exact = malloc(len > 0 ? len : 1);
	struct wp_topic_channel found;
	bool is_found;

	assert_non_null(exact);
	memcpy(exact, channel, len);
	is_found = wp_topic_match(topic, exact, len, &found);
	if (is_found) {
		memcpy(id, found.id, found.id_len);
		id[found.id_len] = '\0';
		memcpy(who, found.who, found.who_len);
		who[found.who_len] = '\0';
	}
	free(exact);
	return is_found;
}

static void channels_are_taken_apart(void **state)
{
	struct wp_topic topic = topic_of("project:{projectId}:{user}");
	struct wp_topic alert = topic_of("alert:{alertId}:user:{user}");
	char id[64], who[64];

	(void)state;
	assert_true(matches(&topic, "project:7:bob", 13, id, who));
	assert_string_equal(id, "7");
	assert_string_equal(who, "bob");
	assert_true(
		matches(&topic, "project:a_B-9:urn:sm:user:bob", 29, id, who));
	assert_string_equal(id, "a_B-9");
	assert_string_equal(who, "urn:sm:user:bob");
	assert_true(matches(&alert, "alert:1:user:bob", 16, id, who));
	assert_string_equal(who, "bob");
	/* Whose it is, is judged elsewhere. */
	assert_true(matches(&topic, "project:7:", 10, id, who));
	assert_string_equal(who, "");
}

static void what_a_glob_brings_besides_is_none(void **state)
{
	static const char *const rows[] = {
		"",
		"project:",
		"project:7",
		"project::bob",
		"project:a b:bob",
		"project:a*:bob",
		"project:a\nb:bob",
		"project:\xc3\xa4:bob",
		"project:012345678901234567890123456789012345678901234567890:b",
		"projects:7:bob",
		"job:7:bob",
	};
	struct wp_topic topic = topic_of("project:{projectId}:{user}");
	struct wp_topic alert = topic_of("alert:{alertId}:user:{user}");
	char id[64], who[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (matches(&topic, rows[i], strlen(rows[i]), id, who))
			fail_msg("taken: %s", rows[i]);
	assert_false(matches(&topic, "project:a\0b:bob", 15, id, who));
	assert_false(matches(&alert, "alert:1:2:user:bob", 18, id, who));
	assert_false(matches(&alert, "alert:1:use", 11, id, who));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_become_globs),
		cmocka_unit_test(other_patterns_are_refused),
		cmocka_unit_test(channels_are_taken_apart),
		cmocka_unit_test(what_a_glob_brings_besides_is_none),
	};

	return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
