/*
 * notification.c - check a published object and wrap it, without a tree.
 *
 * What is passed on becomes part of a frame, so it has to be sound JSON; what
 * it means is not our affair. Nesting is walked with a stack of bits, strings
 * and numbers are left to lib/base/json.
 */
#include "ws-daemon/notification.h"

#include "lib/base/clock.h"

struct walk {
	const char *data;
	size_t len;
	size_t pos;
	uint64_t objects; /* bit d: the container at depth d is an object */
	unsigned depth;
};

static int next_char(struct walk *walk)
{
	while (walk->pos < walk->len) {
		char c = walk->data[walk->pos];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return (unsigned char)c;
		walk->pos++;
	}
	return -1;
}

static bool take(struct walk *walk, int c)
{
	if (next_char(walk) != c)
		return false;
	walk->pos++;
	return true;
}

/*
 * What is passed on has to be JSON by its grammar, no more: JavaScript writes
 * half a surrogate pair when it cuts an emoji.
 */
static void begin_part(const struct walk *walk, struct wp_json *js)
{
	wp_json_init(js, walk->data + walk->pos, walk->len - walk->pos);
	js->allows_half_pairs = true;
}

/* A string, number, true, false or null. */
static bool take_scalar(struct walk *walk, struct wp_json_slice *raw_out)
{
	struct wp_json js;

	if (next_char(walk) == -1)
		return false;
	begin_part(walk, &js);
	if (!wp_json_skip(&js, raw_out))
		return false;
	walk->pos += js.pos;
	return true;
}

static bool take_name(struct walk *walk, struct wp_json_slice *name_out)
{
	struct wp_json js;

	if (next_char(walk) != '"')
		return false;
	begin_part(walk, &js);
	if (!wp_json_string(&js, name_out))
		return false;
	walk->pos += js.pos;
	return take(walk, ':');
}

static bool is_in_object(const struct walk *walk)
{
	return (walk->objects >> (walk->depth - 1) & 1) != 0;
}

static bool push(struct walk *walk, bool is_object)
{
	uint64_t bit = UINT64_C(1) << walk->depth;

	if (walk->depth + 1 >= WP_NOTIFICATION_DEPTH)
		return false;
	walk->objects = is_object ? walk->objects | bit : walk->objects & ~bit;
	walk->depth++;
	return true;
}

/*
 * Step from one element to the next, out of what ends here.
 *
 * Returns: false when the text is unsound; else at depth 0 the value is done,
 *          and above it the next element's value comes next
 */
static bool step(struct walk *walk)
{
	struct wp_json_slice name;

	while (walk->depth > 0) {
		bool is_object = is_in_object(walk);

		if (take(walk, ','))
			return !is_object || take_name(walk, &name);
		if (!take(walk, is_object ? '}' : ']'))
			return false;
		walk->depth--;
	}
	return true;
}

/* One whole value of any kind; raw_out gets its exact text. */
static bool take_value(struct walk *walk, struct wp_json_slice *raw_out)
{
	struct wp_json_slice part;
	size_t from;

	walk->depth = 0;
	next_char(walk);
	from = walk->pos;
	do {
		bool is_object = next_char(walk) == '{';

		if (!is_object && next_char(walk) != '[') {
			if (!take_scalar(walk, &part) || !step(walk))
				return false;
			continue;
		}
		walk->pos++;
		if (!push(walk, is_object))
			return false;
		if (next_char(walk) == (is_object ? '}' : ']')) {
			walk->pos++;
			walk->depth--;
			if (!step(walk))
				return false;
		} else if (is_object && !take_name(walk, &part)) {
			return false;
		}
	} while (walk->depth > 0);
	*raw_out = (struct wp_json_slice){ .data = walk->data + from,
					   .len = walk->pos - from };
	return true;
}

bool wp_notification_read(struct wp_notification *out, const char *data,
			  size_t len)
{
	struct walk walk = { .data = data, .len = len };
	struct wp_json_slice name;
	struct wp_json_slice value;
	bool is_first = true;

	*out = (struct wp_notification){ .payload = { .data = "null",
						      .len = 4 } };
	if (!take(&walk, '{'))
		return false;
	while (!take(&walk, '}')) {
		if (!is_first && !take(&walk, ','))
			return false;
		is_first = false;
		if (!take_name(&walk, &name) || !take_value(&walk, &value))
			return false;
		if (wp_json_slice_is(&name, "type"))
			out->type = value;
		else if (wp_json_slice_is(&name, "payload"))
			out->payload = value;
	}
	return next_char(&walk) == -1 && out->type.len > 0 &&
	       out->type.data[0] == '"';
}

void wp_notification_write(const struct wp_notification *notification,
			   int64_t now_ms, struct wp_buf *out)
{
	char now[WP_RFC3339_LEN];

	wp_rfc3339(now_ms, now);
	wp_buf_add_str(out, "{\"type\":");
	wp_buf_add(out, notification->type.data, notification->type.len);
	wp_buf_add_str(out, ",\"payload\":");
	wp_buf_add(out, notification->payload.data, notification->payload.len);
	wp_buf_add_str(out, ",\"timestamp\":\"");
	wp_buf_add_str(out, now);
	wp_buf_add_str(out, "\"}");
}
