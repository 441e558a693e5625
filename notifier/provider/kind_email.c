/* kind_email.c - a header of ours, a text of the operator's. */
#include "notifier/provider/kind_email.h"

#include <string.h>
#include <time.h>

#include "lib/base/utf8.h"

enum {
	LINE_MAX_LEN = 900, /* of a text as it is; RFC 5322 has 998 */
	BASE64_BYTES = 57,  /* in a line (RFC 2045 section 6.8) */
	WORD_BYTES = 45,    /* in an encoded word (RFC 2047 section 2) */
	PLAIN_SUBJECT_MAX = 60,
	DATE_MAX = 40,
	BAD_MIN = 500, /* of replies: not now and not later */
};

/* ---- what letters say ---- */

static enum wp_err must(struct wp_error *err, const char *what)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", what);
}

/* Nothing but ASCII that can be seen, blanks and ends of lines; and no line of
 * it is too long. */
static bool is_plain(const char *text, size_t len)
{
	size_t in_line = 0;

	for (size_t i = 0; i < len; i++) {
		in_line = text[i] == '\n' ? 0 : in_line + 1;
		if ((unsigned char)text[i] > '~' || in_line > LINE_MAX_LEN)
			return false;
	}
	return true;
}

static bool is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' &&
		     strchr("\t\n", text[i]) == NULL) ||
		    text[i] == '\0' || text[i] == 0x7f)
			return false;
	return wp_utf8_is_valid(text, len);
}

/* How many bytes of text make a word, with no character cut in two. */
static size_t word_len(const char *text, size_t len)
{
	size_t n = len < WORD_BYTES ? len : WORD_BYTES;

	while (n < len && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void write_subject(struct wp_buf *out, const char *text, size_t len)
{
	if (len <= PLAIN_SUBJECT_MAX && is_plain(text, len)) {
		wp_buf_add(out, text, len);
		return;
	}
	for (size_t at = 0, n; at < len; at += n) {
		n = word_len(text + at, len - at);
		wp_buf_add_str(out, at > 0 ? "\r\n =?utf-8?B?" : "=?utf-8?B?");
		wp_buf_add_base64(out, text + at, n);
		wp_buf_add_str(out, "?=");
	}
}

/* With CRLF at the end of each line, as a letter has it. */
static void write_lines(struct wp_buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			wp_buf_add_str(out, "\r\n");
		else
			wp_buf_add_char(out, text[i]);
	if (len > 0 && text[len - 1] != '\n')
		wp_buf_add_str(out, "\r\n");
}

static void write_base64(struct wp_buf *out, const char *text, size_t len)
{
	struct wp_buf lines;

	wp_buf_init(&lines, 0);
	write_lines(&lines, text, len);
	for (size_t at = 0; at < lines.len; at += BASE64_BYTES) {
		size_t left = lines.len - at;

		wp_buf_add_base64(out, lines.data + at,
				  left < BASE64_BYTES ? left : BASE64_BYTES);
		wp_buf_add_str(out, "\r\n");
	}
	out->failed = out->failed || lines.failed;
	wp_buf_release(&lines);
}

enum wp_err wp_email_text_read(struct wp_email_text *out, const char *text,
			       size_t len, struct wp_error *err)
{
	static const char preset[] =
		"New message\n\nYou have received a new secure message.\n";
	const char *body;
	size_t subject_len;

	wp_buf_init(&out->subject, 0);
	wp_buf_init(&out->body, 0);
	if (text == NULL) {
		text = preset;
		len = sizeof(preset) - 1;
	}
	if (len > WP_EMAIL_TEXT_MAX)
		return must(err, "must not be over 8192 bytes");
	if (!is_text(text, len))
		return must(err, "must be text in UTF-8, with \\n at the ends "
				 "of lines");
	body = memmem(text, len, "\n\n", 2);
	subject_len = body == NULL ? 0 : (size_t)(body - text);
	if (subject_len == 0 || subject_len > WP_EMAIL_SUBJECT_MAX ||
	    memchr(text, '\n', subject_len) != NULL)
		return must(err, "must begin with a subject of 1 to 200 bytes "
				 "in one line, and an empty line");
	body += 2;
	len -= subject_len + 2;
	write_subject(&out->subject, text, subject_len);
	out->is_base64 = !is_plain(body, len);
	if (out->is_base64)
		write_base64(&out->body, body, len);
	else
		write_lines(&out->body, body, len);
	return out->subject.failed || out->body.failed
		       ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
		       : WP_OK;
}

void wp_email_text_release(struct wp_email_text *text)
{
	wp_buf_release(&text->subject);
	wp_buf_release(&text->body);
}

/* ---- a letter ---- */

/* RFC 5322 section 3.3, in UTC; the names are those of the locale "C". */
static void add_date(struct wp_buf *out, int64_t at_s)
{
	time_t at = (time_t)at_s;
	char text[DATE_MAX];
	struct tm tm;

	gmtime_r(&at, &tm);
	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	wp_buf_add_str(out, text);
}

static void add_code(struct wp_buf *out, const char *code)
{
	wp_buf_printf(out,
		      "Your code is %s. It is good for half an hour.\r\n\r\n"
		      "With it this address is told when messages wait. If you "
		      "have\r\n"
		      "not asked for that, do nothing: without the code "
		      "nothing is\r\n"
		      "sent here.\r\n",
		      code);
}

void wp_email_write(struct wp_buf *out, const struct wp_email_letter *letter,
		    const struct wp_push *push)
{
	const struct wp_email_text *text = letter->text;
	const bool has_code = letter->code[0] != '\0';

	wp_buf_printf(out, "From: <%s>\r\nTo: <%s>\r\nSubject: ", letter->from,
		      letter->to);
	if (has_code)
		wp_buf_printf(out, "Your code: %s", letter->code);
	else
		wp_buf_add(out, text->subject.data, text->subject.len);
	wp_buf_add_str(out, "\r\nDate: ");
	add_date(out, push->now_s);
	wp_buf_printf(out,
		      "\r\nMessage-ID: <%s%s>\r\n"
		      "Auto-Submitted: auto-generated\r\n"
		      "List-Unsubscribe: <%s>\r\n"
		      "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
		      "MIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: %s\r\n\r\n",
		      push->push_id, strchr(letter->from, '@'),
		      letter->stop_url,
		      !has_code && text->is_base64 ? "base64" : "7bit");
	if (has_code)
		add_code(out, letter->code);
	else
		wp_buf_add(out, text->body.data, text->body.len);
}

/* ---- an answer ---- */

void wp_email_judge(const struct wp_mail_answer *answer,
		    struct wp_judgement *out)
{
	/* What a reply of 5xx means, and what it was to. */
	static const struct {
		enum wp_verdict verdict;
		const char *reason;
	} known[] = {
		[WP_MAIL_TAKEN] = { WP_VERDICT_ACCEPTED, "" },
		[WP_MAIL_NO_RECIPIENT] = { WP_VERDICT_REFUSED, "recipient" },
		[WP_MAIL_NO_SENDER] = { WP_VERDICT_CONFIG, "sender" },
		[WP_MAIL_NO_LETTER] = { WP_VERDICT_REFUSED, "letter" },
		[WP_MAIL_UNKNOWN] = { WP_VERDICT_CONFIG, "login" },
		[WP_MAIL_UNTRUSTED] = { WP_VERDICT_CONFIG, "tls" },
		[WP_MAIL_UNREACHABLE] = { WP_VERDICT_RETRY, "unreachable" },
	};

	*out = (struct wp_judgement){ .verdict = known[answer->end].verdict };
	strncpy(out->reason, known[answer->end].reason, WP_REASON_MAX);
	if (answer->end == WP_MAIL_TAKEN || answer->end == WP_MAIL_UNTRUSTED)
		return;
	if (answer->status < BAD_MIN)
		out->verdict = WP_VERDICT_RETRY;
	else if (answer->end == WP_MAIL_NO_RECIPIENT && answer->status >= 550 &&
		 answer->status <= 554)
		out->verdict = WP_VERDICT_SUSPECT;
}
