/* Tokens of issuers: verified with the keys that lie in their file now. */
#include "tests/unit/lib/auth/jwk.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/auth/token.h"
#include "lib/auth/token_cache.h"
#include "lib/base/clock.h"
#include "lib/sys/issuers.h"
#include "tests/support/key_files.h"

#define ONE "https://id.example/one"
#define TWO "https://id.example/two"
#define SECRET "0123456789abcdef0123456789abcdef"

enum { LONG_AGO_MS = 60000, LOOK_MS = 1000 };

static char dir[] = "/tmp/wp-test-keyset-XXXXXX";
static char empty[] = "", secret[] = SECRET, sub[] = "sub";
static char handle[] = "handle", device[] = "device_id";
static char one[] = ONE " aud=app ns=corp", two[] = TWO " ns=partner";
static char *claims[] = { handle, sub, NULL };
static char *issuers[] = { one, two, NULL };
static EVP_PKEY *key, *other;
static uint64_t now_ms = 1000000;
static const char *put_as = "a"; /* the kid in files */

struct stage {
	struct wp_auth *auth;
	struct wp_token_cache *cache;
};

static struct wp_conf sound_conf(void)
{
	struct wp_conf conf = { 0 };

	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 2;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.device_claim = device;
	conf.auth.leeway_seconds = 30;
	conf.auth.max_token_bytes = 8192;
	conf.auth.issuers.items = issuers;
	conf.auth.issuers.n = 2;
	conf.auth.key_dir = dir;
	conf.auth.key_max_age_hours = 24;
	return conf;
}

/* A new file of one key, in place of what is there. */
static void put(const char *issuer, const char *says, EVP_PKEY *pkey,
		int64_t age_ms, mode_t mode)
{
	char path[PATH_MAX], kid[20];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	snprintf(kid, sizeof(kid), ",\"kid\":\"%s\"", put_as);
	jwk_add(&text, pkey, kid);
	key_files_path(path, dir, issuer);
	key_files_put(path, says, wp_wall_ms() - age_ms, text.data, mode);
	wp_buf_release(&text);
}

static void look(struct stage *stage)
{
	now_ms += LOOK_MS;
	wp_auth_look(stage->auth, now_ms);
}

static int begin(void **state)
{
	struct wp_conf conf = sound_conf();
	struct stage *stage = calloc(1, sizeof(*stage));
	struct wp_error err;

	assert_non_null(stage);
	if (wp_auth_new(&stage->auth, &conf, &err) != WP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(wp_token_cache_new(&stage->cache, stage->auth, NULL),
			 WP_OK);
	put(ONE, ONE, key, LONG_AGO_MS, 0640);
	look(stage);
	*state = stage;
	return 0;
}

static int end(void **state)
{
	struct stage *stage = *state;
	char path[PATH_MAX];

	wp_token_cache_free(&stage->cache);
	wp_auth_free(&stage->auth);
	free(stage);
	key_files_path(path, dir, ONE);
	(void)unlink(path);
	key_files_path(path, dir, TWO);
	(void)unlink(path);
	return 0;
}

/* What is said of a token with these claims besides sub, iat and exp. */
static enum wp_err verdict(struct stage *stage, EVP_PKEY *pkey,
			   const char *header, const char *more,
			   struct wp_identity *out)
{
	int64_t now_s = wp_wall_ms() / 1000;
	struct wp_identity again;
	struct wp_error err, err_again;
	char payload[600];
	char *text;
	enum wp_err rc, rc_again;

	snprintf(payload, sizeof(payload), "{\"exp\":%lld,%s}",
		 (long long)now_s + 60, more);
	text = mint_public(header, payload, pkey);
	rc = wp_auth_verify(stage->auth,
			    &(struct wp_token){ text, strlen(text) }, now_s,
			    out, &err);
	/* Who remembers says the same. */
	for (int i = 0; i < 2; i++) {
		rc_again = wp_token_cache_verify(
			stage->cache, &(struct wp_token){ text, strlen(text) },
			now_s, &again, &err_again);
		assert_int_equal(rc, rc_again);
		if (rc == WP_OK)
			assert_memory_equal(out, &again, sizeof(again));
		else
			assert_string_equal(err.msg, err_again.msg);
	}
	free(text);
	return rc;
}

#define A "{\"alg\":\"ES256\",\"kid\":\"a\"}"
#define B "{\"alg\":\"ES256\",\"kid\":\"b\"}"
#define SOUND "\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"ann\",\"iat\":1000"

static void an_issuer_names_its_own_users(void **state)
{
	static const char *const bad[] = {
		"\"iss\":\"" ONE "\",\"aud\":\"app\",\"iat\":1",
		"\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"\",\"iat\":1",
		"\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"ann\"",
		"\"iss\":\"" ONE "\",\"sub\":\"ann\",\"iat\":1",
		"\"iss\":\"" ONE "\",\"aud\":\"apq\",\"sub\":\"ann\",\"iat\":1",
		"\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"ann\","
		"\"iat\":99999999999",
		SOUND ",\"events\":{}",
		SOUND ",\"handle\":\"urn:sm:user:ann\"",
		SOUND ",\"handle\":\"urn:corporal:user:ann\"",
		SOUND ",\"handle\":\"urn:cor:user:ann\"",
		SOUND ",\"handle\":\"\"",
		SOUND ",\"device_id\":\"a b\"",
	};
	struct stage *stage = *state;
	struct wp_identity id;

	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	assert_string_equal(id.user.text, "urn:corp:user:ann");
	assert_int_equal(id.issuer, 1);
	assert_int_equal(id.issued_s, 1000);
	assert_int_equal(verdict(stage, key, "{\"alg\":\"ES256\"}",
				 SOUND ",\"handle\":\"urn:corp:group:x\"", &id),
			 WP_OK);
	assert_string_equal(id.user.text, "urn:corp:group:x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (verdict(stage, key, A, bad[i], &id) != WP_ERR_DENIED)
			fail_msg("%s", bad[i]);
}

static void only_its_own_keys_verify_an_issuer(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"HS256\",\"kid\":\"a\"}",
		"{\"alg\":\"none\",\"kid\":\"a\"}",
		"{\"alg\":\"ES384\",\"kid\":\"a\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"logout+jwt\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"\"}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":1}",
		"{\"alg\":\"ES256\",\"kid\":1}",
		"{\"alg\":\"ES256\",\"kid\":\"a\",\"crit\":[]}",
	};
	struct stage *stage = *state;
	struct wp_identity id;
	char payload[300], *text;
	int64_t now_s = wp_wall_ms() / 1000;

	put(TWO, TWO, other, LONG_AGO_MS, 0640);
	look(stage);
	assert_int_equal(verdict(stage, other, A, SOUND, &id), WP_ERR_DENIED);
	assert_int_equal(verdict(stage, other, A,
				 "\"iss\":\"" TWO "\",\"sub\":\"ann\","
				 "\"iat\":1",
				 &id),
			 WP_OK);
	assert_string_equal(id.user.text, "urn:partner:user:ann");
	assert_int_equal(id.issuer, 2);
	/* Nor do they verify what names no issuer. */
	assert_int_equal(verdict(stage, key, A, "\"sub\":\"ann\"", &id),
			 WP_ERR_DENIED);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (verdict(stage, key, headers[i], SOUND, &id) !=
		    WP_ERR_DENIED)
			fail_msg("%s", headers[i]);
	/* And our secret is for others. */
	snprintf(payload, sizeof(payload), "{\"exp\":%lld," SOUND "}",
		 (long long)now_s + 60);
	text = mint_hs256(MINT_HS256, payload, secret, strlen(secret));
	assert_int_equal(
		wp_auth_verify(stage->auth,
			       &(struct wp_token){ text, strlen(text) }, now_s,
			       &id, NULL),
		WP_ERR_DENIED);
	free(text);
}

static void an_unknown_key_is_refused_once_it_is_known_to_be_none(void **state)
{
	struct stage *stage = *state;
	struct wp_identity id;
	char later[300];

	assert_int_equal(verdict(stage, other, B, SOUND, &id), WP_ERR_NOTFOUND);
	assert_int_equal(id.issuer, 1);
	put(ONE, ONE, key, 0, 0640);
	assert_true(wp_auth_look_again(stage->auth, 1));
	assert_false(wp_auth_look_again(stage->auth, 1));
	assert_int_equal(verdict(stage, other, B, SOUND, &id), WP_ERR_DENIED);
	snprintf(later, sizeof(later),
		 "\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"ann\","
		 "\"iat\":%lld",
		 (long long)(wp_wall_ms() / 1000));
	assert_int_equal(verdict(stage, other, B, later, &id), WP_ERR_UNAVAIL);
	/* Of an issuer without a file nothing is known. */
	assert_int_equal(verdict(stage, other, B,
				 "\"iss\":\"" TWO "\",\"sub\":\"ann\","
				 "\"iat\":1",
				 &id),
			 WP_ERR_NOTFOUND);
	assert_int_equal(id.issuer, 2);
}

static void the_last_word_is_not_said_beside_a_newer_file(void **state)
{
	struct stage *stage = *state;
	uint32_t generation;
	struct wp_identity id;
	char later[300];

	snprintf(later, sizeof(later),
		 "\"iss\":\"" ONE "\",\"aud\":\"app\",\"sub\":\"ann\","
		 "\"iat\":%lld",
		 (long long)(wp_wall_ms() / 1000));
	/* With a time of issue it would be 503, without one 401. */
	for (int i = 0; i < 2; i++) {
		put(ONE, ONE, key, 0, 0640);
		(void)wp_auth_look_again(stage->auth, 1);
		generation = wp_auth_generation(stage->auth);
		put_as = "b";
		put(ONE, ONE, other, 0, 0640);
		put_as = "a";
		assert_int_equal(
			verdict(stage, other, B, i == 0 ? later : SOUND, &id),
			WP_OK);
		assert_int_not_equal(wp_auth_generation(stage->auth),
				     generation);
		/* Whoever has signed with the old one has had his time. */
		assert_int_equal(verdict(stage, key, B, SOUND, &id),
				 WP_ERR_DENIED);
	}
}

static void another_file_has_its_turn_within_a_second(void **state)
{
	struct stage *stage = *state;
	uint32_t generation = wp_auth_generation(stage->auth);
	struct wp_identity id;

	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	put(ONE, ONE, other, LONG_AGO_MS, 0640);
	wp_auth_look(stage->auth, now_ms + LOOK_MS - 1);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	assert_int_equal(wp_auth_generation(stage->auth), generation);
	look(stage);
	assert_int_not_equal(wp_auth_generation(stage->auth), generation);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_ERR_DENIED);
	assert_int_equal(verdict(stage, other, A, SOUND, &id), WP_OK);
}

static void a_remembered_token_goes_with_its_key(void **state)
{
	struct stage *stage = *state;
	int64_t now_s = wp_wall_ms() / 1000;
	struct wp_identity id;
	struct wp_token token;
	char payload[300], *text;

	snprintf(payload, sizeof(payload), "{\"exp\":%lld," SOUND "}",
		 (long long)now_s + 60);
	text = mint_public(A, payload, key);
	token = (struct wp_token){ text, strlen(text) };
	for (int i = 0; i < 3; i++)
		assert_int_equal(wp_token_cache_verify(stage->cache, &token,
						       now_s, &id, NULL),
				 WP_OK);
	assert_int_equal(wp_token_cache_hits(stage->cache), 2);
	put(ONE, ONE, other, LONG_AGO_MS, 0640);
	look(stage);
	assert_int_equal(
		wp_token_cache_verify(stage->cache, &token, now_s, &id, NULL),
		WP_ERR_DENIED);
	put(ONE, ONE, key, (int64_t)25 * 3600 * 1000, 0640);
	look(stage);
	assert_int_equal(
		wp_token_cache_verify(stage->cache, &token, now_s, &id, NULL),
		WP_ERR_UNAVAIL);
	free(text);
}

static void the_same_keys_once_more_forget_nobody(void **state)
{
	struct stage *stage = *state;
	int64_t now_s = wp_wall_ms() / 1000;
	uint32_t generation;
	struct wp_identity id;
	struct wp_token token;
	char payload[300], *text;

	snprintf(payload, sizeof(payload), "{\"exp\":%lld," SOUND "}",
		 (long long)now_s + 60);
	text = mint_public(A, payload, key);
	token = (struct wp_token){ text, strlen(text) };
	assert_int_equal(
		wp_token_cache_verify(stage->cache, &token, now_s, &id, NULL),
		WP_OK);
	generation = wp_auth_generation(stage->auth);
	put(ONE, ONE, key, LONG_AGO_MS / 2, 0640);
	look(stage);
	assert_int_equal(wp_auth_generation(stage->auth), generation);
	assert_int_equal(
		wp_token_cache_verify(stage->cache, &token, now_s, &id, NULL),
		WP_OK);
	assert_int_equal(wp_token_cache_hits(stage->cache), 1);

	/* It is the file that counts from then on: it says how old they are. */
	put(ONE, ONE, key, (int64_t)25 * 3600 * 1000, 0640);
	look(stage);
	assert_int_equal(
		wp_token_cache_verify(stage->cache, &token, now_s, &id, NULL),
		WP_ERR_UNAVAIL);
	free(text);
}

static void a_bad_file_changes_nothing_and_one_that_is_gone_does(void **state)
{
	struct stage *stage = *state;
	struct wp_identity id;
	char path[PATH_MAX];

	put(ONE, ONE, other, LONG_AGO_MS, 0666);
	look(stage);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	put(ONE, TWO, other, LONG_AGO_MS, 0640);
	look(stage);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	key_files_path(path, dir, ONE);
	assert_int_equal(unlink(path), 0);
	look(stage);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_ERR_NOTFOUND);
}

/* Who mends the rights of a file writes nothing in it. */
static void
a_file_that_was_refused_is_read_once_its_rights_are_mended(void **state)
{
	struct stage *stage = *state;
	struct wp_identity id;
	char path[PATH_MAX];

	put(ONE, ONE, other, LONG_AGO_MS, 0666);
	look(stage);
	assert_int_equal(verdict(stage, other, A, SOUND, &id), WP_ERR_DENIED);
	key_files_path(path, dir, ONE);
	assert_int_equal(chmod(path, 0640), 0);

	look(stage);

	assert_int_equal(verdict(stage, other, A, SOUND, &id), WP_OK);
}

/* A process of many connections may have none left just then. */
static void
a_file_that_could_not_be_opened_is_read_at_the_next_look(void **state)
{
	struct stage *stage = *state;
	struct rlimit limit, none;
	struct wp_identity id;
	int next = dup(STDIN_FILENO);

	put(ONE, ONE, other, LONG_AGO_MS, 0640);
	assert_int_not_equal(next, -1);
	assert_int_equal(close(next), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	look(stage);
	assert_false(wp_auth_look_again(stage->auth, 1));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);

	look(stage);

	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_ERR_DENIED);
	assert_int_equal(verdict(stage, other, A, SOUND, &id), WP_OK);
}

static void keys_there_are_or_there_are_none(void **state)
{
	struct wp_conf conf = sound_conf();
	struct wp_auth *auth = NULL;
	struct wp_buf text;

	(void)state;
	conf.auth.jwt_secret = empty;
	assert_int_equal(wp_auth_new(&auth, &conf, NULL), WP_OK);
	assert_false(wp_auth_has_keys(auth)); /* it has not looked yet */
	wp_auth_look(auth, now_ms);
	assert_true(wp_auth_has_keys(auth));
	wp_buf_init(&text, 0);
	wp_auth_write_ages(auth, "x", &text);
	assert_non_null(strstr(text.data, "# TYPE x gauge\nx{issuer=\"1\"} 6"));
	wp_buf_release(&text);
	put(ONE, ONE, key, (int64_t)25 * 3600 * 1000, 0640);
	assert_true(wp_auth_look_again(auth, 1));
	assert_false(wp_auth_has_keys(auth));
	wp_auth_free(&auth);
}

static void who_fetches_keys_is_asked_by_the_id(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stage *stage = *state;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char got[100], id[WP_ISSUER_ID_LEN + 1];

	wp_auth_ask(stage->auth, 1); /* nobody is there */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/keys.sock",
		 dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	wp_auth_ask(stage->auth, 2);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT),
			 WP_ISSUER_ID_LEN);
	wp_issuer_id(TWO, id);
	assert_memory_equal(got, id, WP_ISSUER_ID_LEN);
	for (int i = 0; i < 10000; i++) /* nor does a full one hold us up */
		wp_auth_ask(stage->auth, 2);
	close(fd);
	assert_int_equal(unlink(address.sun_path), 0);
}

static void a_token_can_be_opened_whatever_it_is_for(void **state)
{
	static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":"
				     "\"logout+jwt\"}";
	static const char payload[] = "{\"iss\":\"" ONE "\",\"events\":{}}";
	struct stage *stage = *state;
	struct wp_opened opened;
	char *text = mint_public(header, payload, key);
	struct wp_token token = { text, strlen(text) };

	assert_int_equal(wp_auth_open(stage->auth, &token, 1, &opened, NULL),
			 WP_OK);
	assert_int_equal(opened.type, WP_TOKEN_LOGOUT);
	assert_int_equal(opened.issuer, 1);
	assert_int_equal(opened.payload_len, strlen(payload));
	assert_memory_equal(opened.payload, payload, strlen(payload));
	wp_opened_release(&opened);
	text[strlen(text) - 20] ^= 1;
	assert_int_equal(wp_auth_open(stage->auth, &token, 1, &opened, NULL),
			 WP_ERR_DENIED);
	wp_opened_release(&opened);
	free(text);
}

/* What is said of a logout token with these claims besides iat. */
static enum wp_err hear_logout(struct stage *stage, EVP_PKEY *pkey,
			       const char *header, const char *more,
			       struct wp_logout *out)
{
	int64_t now_s = wp_wall_ms() / 1000;
	char payload[600], *text;
	enum wp_err rc;

	snprintf(payload, sizeof(payload), "{\"iat\":%lld,%s}",
		 (long long)now_s, more);
	text = mint_public(header, payload, pkey);
	rc = wp_auth_verify_logout(stage->auth,
				   &(struct wp_token){ text, strlen(text) },
				   now_s, out, NULL);
	free(text);
	return rc;
}

#define TYPED(typ) "{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"" typ "\"}"
#define LOGOUT                                                           \
	"\"sub\":\"ann\",\"events\":{\"http://schemas.openid.net/event/" \
	"backchannel-logout\":{}}"
#define LOGOUT_OF(aud) "\"iss\":\"" ONE "\",\"aud\":\"" aud "\"," LOGOUT

static void a_logout_token_is_its_issuers_and_lets_nobody_in(void **state)
{
	struct stage *stage = *state;
	const char *own = "\"iss\":\"https://elsewhere.example\"," LOGOUT;
	struct wp_identity id;
	struct wp_logout says;
	char *text;

	assert_int_equal(hear_logout(stage, key, TYPED("logout+jwt"),
				     LOGOUT_OF("app"), &says),
			 WP_OK);
	assert_int_equal(says.issuer, 1);
	assert_int_equal(says.n, 1);
	assert_int_equal(hear_logout(stage, key, A, LOGOUT_OF("app"), &says),
			 WP_OK);
	assert_int_equal(
		hear_logout(stage, key, TYPED("JWT"), LOGOUT_OF("app"), &says),
		WP_OK);
	assert_int_equal(hear_logout(stage, key, TYPED("at+jwt"),
				     LOGOUT_OF("app"), &says),
			 WP_ERR_DENIED);
	assert_int_equal(hear_logout(stage, other, A, LOGOUT_OF("app"), &says),
			 WP_ERR_DENIED);
	assert_int_equal(hear_logout(stage, key, A, LOGOUT_OF("client"), &says),
			 WP_ERR_DENIED);
	/* By a key that is not known, of an issuer that has none yet. */
	assert_int_equal(hear_logout(stage, key, B, LOGOUT_OF("app"), &says),
			 WP_ERR_NOTFOUND);
	assert_int_equal(says.issuer, 1);
	assert_int_equal(hear_logout(stage, key, A,
				     "\"iss\":\"" TWO "\"," LOGOUT, &says),
			 WP_ERR_NOTFOUND);
	assert_int_equal(says.issuer, 2);
	/* Our own keys say nothing of that kind. */
	text = mint_hs256(MINT_HS256, "{\"iat\":1}", SECRET, strlen(SECRET));
	assert_int_equal(
		wp_auth_verify_logout(stage->auth,
				      &(struct wp_token){ text, strlen(text) },
				      1, &says, NULL),
		WP_ERR_DENIED);
	free(text);
	assert_int_equal(hear_logout(stage, key, A, own, &says), WP_ERR_DENIED);
	/* And the reverse. */
	assert_int_equal(
		verdict(stage, key, A, "\"iat\":1000," LOGOUT_OF("app"), &id),
		WP_ERR_DENIED);
	assert_int_equal(verdict(stage, key, A, SOUND, &id), WP_OK);
	assert_int_equal(hear_logout(stage, key, A,
				     "\"iss\":\"" ONE
				     "\",\"aud\":\"app\",\"sub\":\"ann\"",
				     &says),
			 WP_ERR_DENIED);
}

static void logout_tokens_may_be_for_another_audience(void **state)
{
	static char named[] = ONE " aud=app logout_aud=client ns=corp";
	static char *list[] = { named, NULL };
	struct stage *stage = *state;
	struct wp_conf conf = sound_conf();
	struct wp_logout says;

	wp_token_cache_free(&stage->cache);
	wp_auth_free(&stage->auth);
	conf.auth.issuers.items = list;
	conf.auth.issuers.n = 1;
	assert_int_equal(wp_auth_new(&stage->auth, &conf, NULL), WP_OK);
	assert_int_equal(wp_token_cache_new(&stage->cache, stage->auth, NULL),
			 WP_OK);
	look(stage);
	assert_int_equal(hear_logout(stage, key, A, LOGOUT_OF("client"), &says),
			 WP_OK);
	assert_int_equal(hear_logout(stage, key, A, LOGOUT_OF("app"), &says),
			 WP_ERR_DENIED);
}

static int make_all(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	other = EVP_EC_gen("P-256");
	return mkdtemp(dir) == NULL;
}

static int remove_all(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return rmdir(dir);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_issuer_names_its_own_users),
		TEST(only_its_own_keys_verify_an_issuer),
		TEST(an_unknown_key_is_refused_once_it_is_known_to_be_none),
		TEST(the_last_word_is_not_said_beside_a_newer_file),
		TEST(another_file_has_its_turn_within_a_second),
		TEST(a_remembered_token_goes_with_its_key),
		TEST(the_same_keys_once_more_forget_nobody),
		TEST(a_bad_file_changes_nothing_and_one_that_is_gone_does),
		TEST(a_file_that_was_refused_is_read_once_its_rights_are_mended),
		TEST(a_file_that_could_not_be_opened_is_read_at_the_next_look),
		TEST(keys_there_are_or_there_are_none),
		TEST(who_fetches_keys_is_asked_by_the_id),
		TEST(a_token_can_be_opened_whatever_it_is_for),
		TEST(a_logout_token_is_its_issuers_and_lets_nobody_in),
		TEST(logout_tokens_may_be_for_another_audience),
	};

	return cmocka_run_group_tests_name("keyset", tests, make_all,
					   remove_all);
}
