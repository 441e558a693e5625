/* What keys of back ends open, and what they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/auth/apikey.h"
#include "lib/auth/scope.h"

#include "handlers/serve.h"

#include "tests/unit/handlers/fake.h"

enum { KEYS_MAX = 8 };

struct stage {
	struct fake_world world;
	char path[40];
	size_t n;
	char texts[KEYS_MAX][WP_APIKEY_LEN + 1];
	struct wp_buf file;
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	int fd;

	*state = stage;
	if (stage == NULL || !fake_world_init(&stage->world))
		return -1;
	wp_buf_init(&stage->file, 0);
	(void)snprintf(stage->path, sizeof(stage->path), "/tmp/wp-keys-XXXXXX");
	fd = mkstemp(stage->path);
	close(fd);
	return fd == -1 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	(void)unlink(stage->path);
	wp_buf_release(&stage->file);
	fake_world_release(&stage->world);
	free(stage);
	return 0;
}

/* One key more, called billing. Returns: its text, as long as stage */
static const char *add_key(struct stage *stage, unsigned int scopes,
			   int64_t expires_s)
{
	struct wp_apikey key = { .name = "billing" };
	char *text = stage->texts[stage->n++];

	assert_true(stage->n <= KEYS_MAX);
	wp_apikey_make(&key, text);
	key.scopes = scopes;
	key.expires_s = expires_s;
	wp_apikey_write(&stage->file, &key);
	return text;
}

/* Serve with the keys that were added. */
static void use_keys(struct stage *stage)
{
	int fd = open(stage->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(write(fd, stage->file.data, stage->file.len),
			 stage->file.len);
	close(fd);
	wp_apikey_file_free(&stage->world.apikeys);
	assert_int_equal(
		wp_apikey_file_new(&stage->world.apikeys, stage->path, NULL),
		WP_OK);
	stage->world.shared.apikeys = stage->world.apikeys;
}

/* Ask with a key; NULL: as alice, who is a user. */
static void ask(struct stage *stage, struct fake *fake, const char *method,
		const char *path, const char *key)
{
	char text[128];

	fake_request(fake, method, path);
	if (key == NULL) {
		fake_login(fake);
	} else {
		(void)snprintf(text, sizeof(text),
			       "HTTP_AUTHORIZATION=Bearer %s", key);
		fake_param(fake, text);
	}
	fake_serve(&stage->world.ctx, &fake->io);
}

/* Each route, and who may ask there: user or not, and which scope. */
static const struct {
	const char *name;
	const char *method;
	const char *path;
	bool is_for_users;
	enum wp_scope scope; /* NONE: not for keys */
} routes[] = {
	{ "send", "POST", "/api/send", true, WP_SCOPE_SEND },
	{ "send_batch", "POST", "/api/send/batch", true, WP_SCOPE_SEND },
	{ "messages", "GET", "/api/messages", true, WP_SCOPE_NONE },
	{ "ack", "POST", "/api/messages/ack", true, WP_SCOPE_NONE },
	{ "presence", "GET", "/api/presence?users=bob", true,
	  WP_SCOPE_PRESENCE },
	{ "notify", "POST", "/api/notify", false, WP_SCOPE_NOTIFY },
	{ "ticket", "POST", "/api/ticket", true, WP_SCOPE_NONE },
	{ "devices", "GET", "/api/devices", true, WP_SCOPE_NONE },
	{ "devices_add", "POST", "/api/devices", true, WP_SCOPE_NONE },
	{ "devices_remove", "DELETE", "/api/devices", true, WP_SCOPE_NONE },
	{ "devices_test", "POST", "/api/devices/test", true, WP_SCOPE_NONE },
	{ "devices_verify", "POST", "/api/devices/verify", true,
	  WP_SCOPE_NONE },
	{ "register_device", "POST", "/register-device", true, WP_SCOPE_NONE },
	{ "register_fcm", "POST", "/api/v1/register/fcm", true, WP_SCOPE_NONE },
	{ "register_web", "POST", "/api/v1/register/web", true, WP_SCOPE_NONE },
	{ "unregister_fcm", "POST", "/api/v1/unregister/fcm", true,
	  WP_SCOPE_NONE },
	{ "unregister_web", "POST", "/api/v1/unregister/web", true,
	  WP_SCOPE_NONE },
	{ "push_prefs", "GET", "/api/push/preferences", true, WP_SCOPE_NONE },
	{ "push_prefs_put", "PUT", "/api/push/preferences", true,
	  WP_SCOPE_NONE },
	{ "auth_password", "POST", "/api/auth/password", true, WP_SCOPE_NONE },
	{ "auth_recovery", "POST", "/api/auth/recovery", true, WP_SCOPE_NONE },
	{ "auth_account_delete", "POST", "/api/auth/account/delete", true,
	  WP_SCOPE_NONE },
	{ "auth_sessions", "GET", "/api/auth/sessions", true, WP_SCOPE_NONE },
	{ "auth_sessions_revoke", "POST", "/api/auth/sessions/revoke", true,
	  WP_SCOPE_NONE },
	{ "admin_revoke", "POST", "/api/admin/revoke", false, WP_SCOPE_REVOKE },
	{ "admin_accounts", "POST", "/api/admin/accounts", false,
	  WP_SCOPE_ACCOUNTS },
	{ "admin_accounts_state", "POST", "/api/admin/accounts/state", false,
	  WP_SCOPE_ACCOUNTS },
	{ "admin_accounts_reset_code", "POST", "/api/admin/accounts/reset-code",
	  false, WP_SCOPE_ACCOUNTS },
	{ "admin_invites", "POST", "/api/admin/invites", false,
	  WP_SCOPE_ACCOUNTS },
};
enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void expect_let_in(struct stage *stage, size_t i, const char *key,
			  bool is_let_in)
{
	struct fake fake;

	ask(stage, &fake, routes[i].method, routes[i].path, key);
	if (is_let_in != (fake_status(&fake) != 403))
		fail_msg("%s: %u", routes[i].name, fake_status(&fake));
	assert_int_not_equal(fake_status(&fake), 401);
	if (!is_let_in)
		assert_true(fake_has_code(&fake, "forbidden"));
	fake_release(&fake);
}

static void a_scope_opens_what_it_says_and_nothing_else(void **state)
{
	static const unsigned int sets[] = {
		WP_SCOPE_SEND,
		WP_SCOPE_NOTIFY,
		WP_SCOPE_PRESENCE,
		WP_SCOPE_REVOKE,
		WP_SCOPE_ACCOUNTS,
		WP_SCOPE_SEND | WP_SCOPE_NOTIFY | WP_SCOPE_PRESENCE |
			WP_SCOPE_REVOKE | WP_SCOPE_ACCOUNTS,
	};
	enum { SETS = sizeof(sets) / sizeof(sets[0]) };
	struct stage *stage = *state;
	const char *keys[SETS];

	for (size_t i = 0; i < SETS; i++)
		keys[i] = add_key(stage, sets[i], WP_APIKEY_FOR_EVER);
	use_keys(stage);
	for (size_t i = 0; i < ROUTES; i++) {
		expect_let_in(stage, i, NULL, routes[i].is_for_users);
		for (size_t k = 0; k < SETS; k++)
			expect_let_in(stage, i, keys[k],
				      (sets[k] & routes[i].scope) != 0);
	}
}

/* A route that is added is added above. */
static void each_route_was_tried(void **state)
{
	size_t n = 0;

	(void)state;
#define COUNT(name_, path_, alias_, methods_, who_, limit_, need_) \
	do {                                                       \
		if (strcmp(#need_, "NONE") == 0)                   \
			break; /* the probes */                    \
		if (strcmp(#who_, "ANYBODY") == 0)                 \
			break;                                     \
		assert_true(n < ROUTES);                           \
		assert_string_equal(routes[n].name, #name_);       \
		n++;                                               \
	} while (0);
	WP_ENDPOINTS(COUNT)
#undef COUNT
	assert_int_equal(n, ROUTES);
}

static void a_key_has_one_limit_for_all_that_it_does(void **state)
{
	char *items[] = { (char[]){ "key=0.01/2" }, (char[]){ "send=0.01/1" } };
	static const size_t asked[] = { 0, 5, 0 }; /* send, notify, send */
	static const bool is_refused[] = { false, false, true };
	struct stage *stage = *state;
	const char *key = add_key(stage, WP_SCOPE_SEND | WP_SCOPE_NOTIFY,
				  WP_APIKEY_FOR_EVER);
	struct wp_limit_rates rates;
	struct fake fake;

	assert_int_equal(wp_limit_rates_read(&rates, items, 2, NULL), WP_OK);
	use_keys(stage);
	wp_limiter_use(stage->world.ctx.limiter, &rates);

	for (size_t i = 0; i < 3; i++) {
		ask(stage, &fake, "POST", routes[asked[i]].path, key);
		assert_int_equal(fake_status(&fake) == 429, is_refused[i]);
		fake_release(&fake);
	}
	/* Users have theirs. */
	ask(stage, &fake, "POST", "/api/send", NULL);
	assert_int_not_equal(fake_status(&fake), 429);
	fake_release(&fake);
}

static void a_key_that_is_not_good_is_401(void **state)
{
	struct stage *stage = *state;
	const char *good = add_key(stage, WP_SCOPE_SEND, WP_APIKEY_FOR_EVER);
	const char *old = add_key(stage, WP_SCOPE_SEND, 86400);
	char bad[WP_APIKEY_LEN + 2];
	struct fake fake;

	use_keys(stage);
	(void)snprintf(bad, sizeof(bad), "%sx", good);
	for (int i = 0; i < 3; i++) {
		static const char sentence[] =
			"{\"error\":\"the key is unknown, or has expired\"";
		const char *const keys[] = { old, bad, "wpk_" };

		/* Even where keys have no business. */
		ask(stage, &fake, "GET", "/api/messages", keys[i]);
		assert_int_equal(fake_status(&fake), 401);
		assert_true(fake_has(
			&fake,
			"WWW-Authenticate: Bearer error=\"invalid_token\""));
		assert_true(fake_has_code(&fake, "unauthorized"));
		assert_int_equal(
			strncmp(fake_answer(&fake), sentence, strlen(sentence)),
			0);
		fake_release(&fake);
	}
}

static void without_a_file_a_key_is_401(void **state)
{
	struct stage *stage = *state;
	const char *key = add_key(stage, WP_SCOPE_SEND, WP_APIKEY_FOR_EVER);
	struct fake fake;

	ask(stage, &fake, "POST", "/api/send", key);
	assert_int_equal(fake_status(&fake), 401);
	fake_release(&fake);
}

static void what_is_lacking_is_said(void **state)
{
	struct stage *stage = *state;
	const char *key = add_key(stage, WP_SCOPE_NOTIFY, WP_APIKEY_FOR_EVER);
	struct fake fake;

	use_keys(stage);
	ask(stage, &fake, "POST", "/api/send", key);
	assert_non_null(
		strstr(fake_answer(&fake), "the key lacks the scope send"));
	fake_release(&fake);
	ask(stage, &fake, "POST", "/api/notify", NULL);
	assert_non_null(strstr(fake_answer(&fake), "this is for back ends"));
	fake_release(&fake);
	ask(stage, &fake, "POST", "/api/ticket", key);
	assert_non_null(strstr(fake_answer(&fake), "this is for users"));
	fake_release(&fake);
}

/* Whatever users may know of each other. */
static void presence_is_told_to_keys(void **state)
{
	struct stage *stage = *state;
	const char *key = add_key(stage, WP_SCOPE_PRESENCE, WP_APIKEY_FOR_EVER);
	struct fake fake;

	use_keys(stage);
	stage->world.conf.presence.visibility = WP_VISIBLE_NONE;
	ask(stage, &fake, "GET", "/api/presence?users=bob", NULL);
	assert_int_equal(fake_status(&fake), 403);
	fake_release(&fake);
	ask(stage, &fake, "GET", "/api/presence?users=bob", key);
	assert_int_equal(fake_status(&fake), 503); /* there is no Redis */
	fake_release(&fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_scope_opens_what_it_says_and_nothing_else),
		TEST(a_key_has_one_limit_for_all_that_it_does),
		cmocka_unit_test(each_route_was_tried),
		TEST(a_key_that_is_not_good_is_401),
		TEST(without_a_file_a_key_is_401),
		TEST(what_is_lacking_is_said),
		TEST(presence_is_told_to_keys),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
