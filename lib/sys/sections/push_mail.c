/*
 * push_mail.c - of the section push, how letters are sent. A table of its own,
 * for only who sends them has the password.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

#include "lib/push/address.h"

enum { DAY_S = 86400 };

static const struct wp_conf_key keys[] = {
	{ "push.smtp_url", WP_CONF_AT(push.smtp_url), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "the server that takes letters: smtp://host:port, with "
		  "STARTTLS unless it is on this machine, or "
		  "smtps://host:port; "
		  "as a path perhaps the name by which it is greeted" },
	{ "push.smtp_user", WP_CONF_AT(push.smtp_user), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "who we are there; empty: it does not ask" },
	{ "push.smtp_password", WP_CONF_AT(push.smtp_password),
	  .type = WP_CONF_SECRET, .is_reloadable = true,
	  .help = "the password of push.smtp_user" },
	{ "push.email_from", WP_CONF_AT(push.email_from),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "the address that letters come from" },
	{ "push.email_after_seconds", WP_CONF_AT(push.email_after_seconds),
	  .type = WP_CONF_INT, .preset = "3600", .min = 0, .max = DAY_S,
	  .unit = "s", .is_reloadable = true,
	  .help = "how old a message is before its recipient gets a letter" },
	{ "push.email_text_file", WP_CONF_AT(push.email_text_file),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "what letters say: a file with a line for the subject, an "
		  "empty one, and the text; empty: a sentence in English" },
};

/* Whether URLs and the file are any good is looked at by who uses them. */
static enum wp_err check_mail(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	if (!is_used || !conf->push.email)
		return WP_OK;
	if (conf->push.smtp_url[0] == '\0')
		return wp_conf_broken(err, "push.smtp_url",
				      "must be set when push.email is true");
	if (conf->push.smtp_user[0] != '\0' &&
	    (conf->push.smtp_password == NULL ||
	     conf->push.smtp_password[0] == '\0'))
		return wp_conf_broken(err, "push.smtp_password",
				      "must be set when push.smtp_user is");
	if (!wp_push_address_ok(conf->push.email_from))
		return wp_conf_broken(err, "push.email_from",
				      "must be an address when push.email is "
				      "true");
	if (conf->public_url[0] == '\0')
		return wp_conf_broken(err, "public_url",
				      "must be set when push.email is true");
	if (conf->run_mode == WP_RUN_PRODUCTION &&
	    strncmp(conf->public_url, "https://", 8) != 0)
		return wp_conf_broken(err, "public_url",
				      "must be https in production when "
				      "push.email is true, for the link in a "
				      "letter");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_mail, NULL };

const struct wp_conf_section wp_conf_push_mail =
	WP_CONF_SECTION("push", keys, rules);
