/*
 * commands.c - the table of commands, see commands.h.
 */
#include "tools/waypost/cli/commands.h"

#include "lib/auth/scope.h"

const struct wp_cli_opt_row wp_cli_opts[WP_OPT_COUNT] = {
	[WP_OPT_ALL] = { "all", NULL, "all that were there when it began" },
	[WP_OPT_CHECK] = { "check", NULL, "only look, and say what to do" },
	[WP_OPT_CANARY_ONLY] = { "canary-only", NULL,
				 "send two messages, and look at nothing "
				 "else" },
	[WP_OPT_CLAIM] = { "claim", "NAME=VALUE",
			   "what it says besides; may be said again" },
	[WP_OPT_CONFIRM] = { "confirm", NULL, "you have looked, and mean it" },
	[WP_OPT_DATA] = { "data", "FILE",
			  "the bytes of it; - reads standard "
			  "input" },
	[WP_OPT_DAYS] = { "days", "N",
			  "it is good for so long, 7 unless "
			  "said" },
	[WP_OPT_DEEP] = { "deep", NULL, "read the whole store as well" },
	[WP_OPT_EPHEMERAL] = { "ephemeral", NULL,
			       "dropped if its recipient is not online" },
	[WP_OPT_EVERY] = { "every", "N",
			   "look every so many seconds, 1 unless "
			   "said" },
	[WP_OPT_EXPIRES] = { "expires", "YYYY-MM-DD",
			     "the last day on which it is good, in UTC" },
	[WP_OPT_FORM] = { "form", "FORM",
			  "yaml, which is the preset, markdown "
			  "or text" },
	[WP_OPT_FOR] = { "for", "TIME", "for so long: 90s, 15m, 2h" },
	[WP_OPT_HELP] = { "help", NULL, "print what this does, and end" },
	[WP_OPT_ISSUER] = { "issuer", "URL", "who issues the tokens" },
	[WP_OPT_JSON] = { "json", NULL, "for programs: JSON" },
	[WP_OPT_KEY] = { "key", "K",
			 "an idempotency key: with the same one it is "
			 "accepted once" },
	[WP_OPT_LEVEL] = { "level", "LEVEL",
			   "error, warn, info or debug, and what is worse" },
	[WP_OPT_LIMIT] = { "limit", "N", "so many at most, 100 unless said" },
	[WP_OPT_MESSAGES] = { "messages", "M", "so many a day" },
	[WP_OPT_NAME] = { "name", "NAME", "what it is called in lists" },
	[WP_OPT_PARTITION] = { "partition", "N|inbox", "of this one only" },
	[WP_OPT_PASSWORD] = { "password", "FILE",
			      "a file with the password; - reads standard "
			      "input" },
	[WP_OPT_PRIORITY] = { "priority", "N",
			      "0 to 10; 5 and more is the "
			      "high band" },
	[WP_OPT_PROGRAM] = { "program", "NAME",
			     "of this program only: worker, "
			     "ws, ..." },
	[WP_OPT_REQUEST] = { "request", "ID", "of this X-Request-Id only" },
	[WP_OPT_PROM] = { "prom", "FILE",
			  "write what came of the canary, for Prometheus" },
	[WP_OPT_RAW] = { "raw", NULL, "with the sealed envelope" },
	[WP_OPT_RECEIVERS] = { "receivers", "N",
			       "users who pull, 4 unless said, 64 at most" },
	[WP_OPT_REDIS_DIR] = { "redis-dir", "DIR",
			       "where Redis has its files" },
	[WP_OPT_SCOPE] = { "scope", "SCOPE[,SCOPE...]",
			   "what it may do: some of " WP_SCOPES_ALL },
	[WP_OPT_SECRETS] = { "secrets", NULL,
			     "settings and secrets, and nothing else" },
	[WP_OPT_SENDERS] = { "senders", "N",
			     "users who send, 4 unless said, 64 at most" },
	[WP_OPT_SESSION] = { "session", "SID", "all tokens of this session" },
	[WP_OPT_SHOW_RECIPIENT] = { "show-recipient", NULL,
				    "name whom they are for" },
	[WP_OPT_SIZE] = { "size", "BYTES", "of a message, 700 unless said" },
	[WP_OPT_SLOW] = { "slow", NULL, "watch a quiet connection for 75 s" },
	[WP_OPT_STRICT] = { "strict", NULL,
			    "end with 3 when there are warnings" },
	[WP_OPT_SUB] = { "sub", "URN", "whose it is" },
	[WP_OPT_SUBJECT] = { "subject", "SUB",
			     "what was issued for this one up to now" },
	[WP_OPT_TIMES] = { "times", "N", "end after so many looks" },
	[WP_OPT_TO] = { "to", "URN", "who gets it" },
	[WP_OPT_TOKEN_FILE] = { "token-file", "FILE",
				"a user's token; said twice, for who sends and "
				"who gets it" },
	[WP_OPT_TOP] = { "top", "N", "so many, 20 unless said" },
	[WP_OPT_URL] = { "url", "URL",
			 "the deployment from outside, in place of "
			 "public_url" },
	[WP_OPT_USER] = { "user", "URN",
			  "what was issued for this user up to "
			  "now" },
	[WP_OPT_USERS] = { "users", "N", "so many, all of them connected" },
	[WP_OPT_USES] = { "uses", "N", "how many may use it, 1 unless said" },
	[WP_OPT_UTC] = { "utc", NULL, "times as 2026-11-21T01:39:00.123Z" },
	[WP_OPT_WITH_SECRETS] = { "with-secrets", NULL,
				  "settings, and all the files they name" },
	[WP_OPT_YES] = { "yes", NULL, "you mean it" },
};

const struct wp_cli_opt_row wp_cli_globals[] = {
	{ "config", "FILE",
	  "settings; else WAYPOST_CONFIG, /etc/waypost/waypost.yaml" },
	{ "redis", "ADDRESS",
	  "unix:/path or host:port instead of redis.address" },
	{ "check", NULL, "check these settings and Redis, and end" },
	{ "print-config", NULL, "print the values in effect as YAML, and end" },
	{ "version", NULL, "print the version, and end" },
	{ "help", NULL, "print what there is, and end" },
};
const size_t wp_cli_n_globals =
	sizeof(wp_cli_globals) / sizeof(wp_cli_globals[0]);

const char *const wp_cli_purposes[WP_FOR_COUNT] = {
	[WP_FOR_LOOKING] = "what is going on",
	[WP_FOR_MESSAGES] = "messages",
	[WP_FOR_USERS] = "users",
	[WP_FOR_PUSHES] = "pushes to devices",
	[WP_FOR_KEYS] = "keys",
	[WP_FOR_CARE] = "the deployment",
};

const struct wp_cli_row wp_cli_rows[] = {
	{ NULL, "help", WP_CLI_HELP, WP_FOR_LOOKING, WP_NAMES_COMMAND,
	  "[<command>]", .summary = "say what a command does" },

	{ NULL, "status", WP_CLI_STATUS, WP_FOR_LOOKING, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "how the whole deployment is doing",
	  .story = "As Redis knows it: memory, workers and their partitions, "
		   "daemons and connections, what waits, dead letters. The "
		   "last line says that all is well, or the lines before it "
		   "what is not, and then the exit status is 1." },

	{ NULL, "top", WP_CLI_TOP, WP_FOR_LOOKING, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_EVERY, WP_OPT_TIMES },
	  .summary = "how much goes through, again and again",
	  .story = "On a terminal a screen: q ends, p pauses, w shows workers "
		   "instead of the slowest partitions. Elsewhere a line each "
		   "time: when, accepted/s, to be routed, seconds that the "
		   "oldest of them waits, mailboxes in memory, on disk, "
		   "connections, bytes of Redis, its commands/s, dead "
		   "letters." },
	{ NULL, "tail", WP_CLI_TAIL, WP_FOR_LOOKING, WP_NAMES_DASH, "[-]",
	  .opts = { WP_OPT_LEVEL, WP_OPT_PROGRAM, WP_OPT_REQUEST, WP_OPT_UTC,
		    WP_OPT_JSON },
	  .summary = "what the programs log",
	  .story = "Of the journal, or with - of standard input: a line each, "
		   "with time (in UTC), program, level and what it says. "
		   "--json passes the lines as they are." },
	{ NULL, "doctor", WP_CLI_DOCTOR, WP_FOR_LOOKING, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_URL, WP_OPT_TOKEN_FILE, WP_OPT_CANARY_ONLY,
		    WP_OPT_PROM, WP_OPT_SLOW, WP_OPT_DEEP, WP_OPT_STRICT,
		    WP_OPT_JSON },
	  .summary = "what is wrong, and what to do",
	  .story = "Looks at everything, whatever is broken: settings, "
		   "programs, Redis, the store, what waits for too long, the "
		   "web server, the clocks; and sends messages between two "
		   "users that it makes up. As root it sees most. The exit "
		   "status is 1 when something is broken." },

	{ "queue", "show", WP_CLI_QUEUE_SHOW, WP_FOR_LOOKING, WP_NAMES_USER,
	  "<user>", .opts = { WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "what waits for somebody, and where",
	  .story = "By band and by where it is: how many messages, bytes, and "
		   "since when; and how much of the quota that is. Never what "
		   "is in them." },
	{ "queue", "list", WP_CLI_QUEUE_LIST, WP_FOR_LOOKING, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_TOP, WP_OPT_SHOW_RECIPIENT, WP_OPT_YES,
		    WP_OPT_JSON },
	  .summary = "the mailboxes in which most waits",
	  .story = "Walks Redis at 5,000 mailboxes a second; more than 100,000 "
		   "want --yes. Whose they are is told only when asked for." },
	{ NULL, "trace", WP_CLI_TRACE, WP_FOR_LOOKING, WP_NAMES_MESSAGE, "<id>",
	  .opts = { WP_OPT_TO, WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "where a message is",
	  .story = "By its id: when it was accepted, and whether it waits to "
		   "be routed, is a dead letter or was routed. Whether it "
		   "waits for its recipient, in memory or on disk, or is gone, "
		   "can be told with --to. Nobody knows who has sent it." },
	{ NULL, "presence", WP_CLI_PRESENCE, WP_FOR_LOOKING, WP_NAMES_USERS,
	  "<user>...", .opts = { WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "who is online",
	  .story = "Of up to 100: how many connections, and when the last one "
		   "ended, to the minute." },
	{ "user", "show", WP_CLI_USER_SHOW, WP_FOR_LOOKING, WP_NAMES_USER,
	  "<user>", .opts = { WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "connections, devices and mailbox of somebody" },

	/* ---- messages ---- */
	{ NULL, "send", WP_CLI_SEND, WP_FOR_MESSAGES, WP_NAMES_NOTHING,
	  .must = { WP_OPT_TO, WP_OPT_DATA },
	  .opts = { WP_OPT_PRIORITY, WP_OPT_EPHEMERAL, WP_OPT_KEY },
	  .summary = "hand a message in",
	  .story = "Hands in the bytes of a file, or of standard input, as "
		   "sealed data. Prints the entry in the inbox; the message "
		   "gets its id later." },
	{ "dlq", "list", WP_CLI_DLQ_LIST, WP_FOR_MESSAGES, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_PARTITION, WP_OPT_LIMIT, WP_OPT_SHOW_RECIPIENT,
		    WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "dead letters, the oldest first",
	  .story = "Dead letters are messages that could not be routed. Their "
		   "names are <partition>/<entry>, or inbox/<entry>. "
		   "Recipients are shown only when asked for, contents "
		   "never." },
	{ "dlq", "show", WP_CLI_DLQ_SHOW, WP_FOR_MESSAGES, WP_NAMES_LETTER,
	  "<id>", .opts = { WP_OPT_RAW, WP_OPT_JSON },
	  .summary = "all that is known of one" },
	{ "dlq", "requeue", WP_CLI_DLQ_REQUEUE, WP_FOR_MESSAGES,
	  WP_NAMES_LETTER, "<id> | --all",
	  .opts = { WP_OPT_PARTITION, WP_OPT_ALL },
	  .summary = "deliver it after all",
	  .story = "Under the message id it has had before." },
	{ "dlq", "drop", WP_CLI_DLQ_DROP, WP_FOR_MESSAGES, WP_NAMES_LETTER,
	  "<id> | --all", .must = { WP_OPT_YES },
	  .opts = { WP_OPT_PARTITION, WP_OPT_ALL },
	  .summary = "throw it away for good" },

	/* ---- users ---- */
	{ "account", "create", WP_CLI_ACCOUNT_CREATE, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>", .opts = { WP_OPT_PASSWORD, WP_OPT_JSON },
	  .summary = "make an account",
	  .story = "Accounts are named by the user name, or by its URN, "
		   "urn:sm:user:<name>. It is made in accounts.sqlite_path. "
		   "Without a password it gets a random one, printed this "
		   "once, as the recovery code is." },
	{ "account", "list", WP_CLI_ACCOUNT_LIST, WP_FOR_USERS,
	  WP_NAMES_NOTHING, .opts = { WP_OPT_JSON },
	  .summary = "who has one, and who had",
	  .story = "By name: active, disabled or deleted." },
	{ "account", "enable", WP_CLI_ACCOUNT_ENABLE, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>", .summary = "let somebody in again" },
	{ "account", "disable", WP_CLI_ACCOUNT_DISABLE, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>", .summary = "shut somebody out",
	  .story = "Ends all sessions as well." },
	{ "account", "delete", WP_CLI_ACCOUNT_DELETE, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>", .must = { WP_OPT_YES },
	  .summary = "for good: nobody gets the name again" },
	{ "account", "unlock", WP_CLI_ACCOUNT_UNLOCK, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>",
	  .summary = "forget how often a password was guessed" },
	{ "account", "reset-code", WP_CLI_ACCOUNT_RESET_CODE, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>",
	  .summary = "print a code for another password",
	  .story = "With it its owner sets another password within an hour." },
	{ "invite", "create", WP_CLI_INVITE_CREATE, WP_FOR_USERS,
	  WP_NAMES_NOTHING, .opts = { WP_OPT_USES, WP_OPT_DAYS },
	  .summary = "print an invite",
	  .story = "For accounts.registration: invite. Good once within 7 "
		   "days unless said otherwise." },
	{ "session", "list", WP_CLI_SESSION_LIST, WP_FOR_USERS,
	  WP_NAMES_ACCOUNT, "<name>", .opts = { WP_OPT_JSON },
	  .summary = "where somebody is logged in",
	  .story = "With an account of ours." },
	{ "session", "revoke", WP_CLI_SESSION_REVOKE, WP_FOR_USERS,
	  WP_NAMES_NOTHING,
	  .opts = { WP_OPT_USER, WP_OPT_ISSUER, WP_OPT_SUBJECT, WP_OPT_SESSION,
		    WP_OPT_YES },
	  .summary = "tokens are good no longer",
	  .story = "Say --user, or --issuer and --subject or --session. Tokens "
		   "of this user, or subject of an issuer, that were issued up "
		   "to now are good no longer, nor any token of this session: "
		   "requests are refused within two seconds, connections end "
		   "with 4403. Remembered for auth.revocation_hours, so tokens "
		   "must not be valid for longer. Sessions of our own end: by "
		   "the user, or by accounts.issuer. An issuer that no setting "
		   "names needs --yes." },
	{ "token", "make", WP_CLI_TOKEN_MAKE, WP_FOR_USERS, WP_NAMES_NOTHING,
	  .must = { WP_OPT_SUB }, .opts = { WP_OPT_FOR, WP_OPT_CLAIM },
	  .summary = "print a token of somebody",
	  .story = "No password is asked: it is signed with JWT_SECRET, else "
		   "with the key that signs for accounts, and whoever may read "
		   "those can do this. Good for an hour unless said, 24 at "
		   "most." },
	{ "token", "check", WP_CLI_TOKEN_CHECK, WP_FOR_USERS, WP_NAMES_TOKEN,
	  "[<token>|-]", .opts = { WP_OPT_JSON },
	  .summary = "whether a token is good here, and whose",
	  .story = "By which key and which claim; if not, why not. From "
		   "standard input unless one is given. Whether it was revoked "
		   "is not looked at." },

	/* ---- pushes ---- */
	{ "push", "status", WP_CLI_PUSH_STATUS, WP_FOR_PUSHES, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_JSON },
	  .summary = "who is to be told, and how providers are",
	  .story = "How many users are due to be told that something waits, "
		   "since when the first of them is, who is there to do it, "
		   "dead letters, and how notifiers get on with providers." },
	{ "push", "list", WP_CLI_PUSH_LIST, WP_FOR_PUSHES, WP_NAMES_USER,
	  "<user>", .opts = { WP_OPT_JSON }, .summary = "somebody's devices",
	  .story = "By a URN or a user name; never a token." },
	{ "push", "dlq", WP_CLI_PUSH_DLQ, WP_FOR_PUSHES, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_LIMIT, WP_OPT_UTC, WP_OPT_JSON },
	  .summary = "pushes that were given up, the last first" },
	{ "push", "test", WP_CLI_PUSH_TEST, WP_FOR_PUSHES, WP_NAMES_DEVICE,
	  "<user> [<device>]",
	  .summary = "have a device told now, whatever waits",
	  .story = "What came of it says push list. The device may be left "
		   "out where there is one." },
	{ "push", "resume", WP_CLI_PUSH_RESUME, WP_FOR_PUSHES, WP_NAMES_APP,
	  "<app>|email", .summary = "settings were wrong, and are right",
	  .story = "After settings of an app, or of letters, were wrong: ask "
		   "its provider at once, believe again what it says of "
		   "tokens, and look soon at whoever was put off." },
	{ "push", "vapid-key", WP_CLI_PUSH_VAPID_KEY, WP_FOR_PUSHES,
	  WP_NAMES_FILE, "[<file>]",
	  .summary = "make a key for pushes to browsers",
	  .story = "Of push.vapid_key_file. Prints its public half. The file "
		   "is vapid.pem unless one is named; one that is there "
		   "stays." },

	/* ---- keys ---- */
	{ "key", "add", WP_CLI_KEY_ADD, WP_FOR_KEYS, WP_NAMES_NOTHING,
	  .must = { WP_OPT_NAME, WP_OPT_SCOPE }, .opts = { WP_OPT_EXPIRES },
	  .summary = "make a key for a back end",
	  .story = "Adds it to auth.api_keys_file, and prints it: this "
		   "once." },
	{ "key", "list", WP_CLI_KEY_LIST, WP_FOR_KEYS, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_JSON }, .summary = "the keys of back ends",
	  .story = "Nobody knows their secrets." },
	{ "key", "remove", WP_CLI_KEY_REMOVE, WP_FOR_KEYS, WP_NAMES_KEY_ID,
	  "<id>", .summary = "it is refused a second later" },
	{ "keys", "list", WP_CLI_KEYS_LIST, WP_FOR_KEYS, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_JSON }, .summary = "the keys of each issuer",
	  .story = "And those of our own: which one signs." },
	{ "keys", "rotate", WP_CLI_KEYS_ROTATE, WP_FOR_KEYS, WP_NAMES_NOTHING,
	  .summary = "have waypost-keys make a new key of our own",
	  .story = "It signs in an hour." },

	/* ---- the deployment ---- */
	{ NULL, "bench", WP_CLI_BENCH, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_URL, WP_OPT_SENDERS, WP_OPT_RECEIVERS, WP_OPT_SIZE,
		    WP_OPT_FOR, WP_OPT_YES, WP_OPT_JSON },
	  .summary = "put a load on it, and say how it bears that",
	  .story = "Users that are made up send to others, who pull and ack, "
		   "through the web server: each one request at a time, for "
		   "10s unless said, 5m at most. What a user may send "
		   "(limits.rates) holds for them as well. In production it "
		   "wants --yes." },
	{ NULL, "expire", WP_CLI_EXPIRE, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .must = { WP_OPT_CONFIRM },
	  .summary = "the clock of Redis is right: let workers delete",
	  .story = "The clock of Redis, whose time it prints, is right: let "
		   "workers delete what has expired by it. Heard within the "
		   "next hour, once." },
	{ "store", "adopt", WP_CLI_STORE_ADOPT, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .must = { WP_OPT_YES },
	  .summary = "after the store was lost: take another",
	  .story = "After the store was lost for good: the file of "
		   "store.sqlite_path, made if it is not there, becomes the "
		   "store of this deployment. Stop all programs first." },
	{ "upgrade", "status", WP_CLI_UPGRADE_STATUS, WP_FOR_CARE,
	  WP_NAMES_NOTHING, .opts = { WP_OPT_JSON },
	  .summary = "can the release before come back?",
	  .story = "It can while the store has the tables that it made." },
	{ "upgrade", "finish", WP_CLI_UPGRADE_FINISH, WP_FOR_CARE,
	  WP_NAMES_NOTHING, .must = { WP_OPT_YES },
	  .summary = "bring the tables of the store up to date",
	  .story = "Older programs refuse it from then on, so there is no way "
		   "back but a copy that was made before: docs/upgrading.md." },
	{ NULL, "capacity", WP_CLI_CAPACITY, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .must = { WP_OPT_USERS, WP_OPT_MESSAGES },
	  .opts = { WP_OPT_SIZE, WP_OPT_JSON },
	  .summary = "what to buy for so many users",
	  .story = "By the rule of docs/capacity.md, whose figures were "
		   "measured." },
	{ NULL, "backup", WP_CLI_BACKUP, WP_FOR_CARE, WP_NAMES_FILE,
	  .words = "<folder>", .opts = { WP_OPT_WITH_SECRETS },
	  .summary = "copy Redis and what is on disk",
	  .story = "Into a folder that is empty or not there, while the "
		   "programs go on. Settings and secrets are in it if you say "
		   "so; whoever gets at such a copy can be any user." },
	{ NULL, "restore", WP_CLI_RESTORE, WP_FOR_CARE, WP_NAMES_FILE,
	  .words = "<folder>",
	  .opts = { WP_OPT_CHECK, WP_OPT_SECRETS, WP_OPT_REDIS_DIR },
	  .summary = "look at a copy, or put it back",
	  .story = "With --check: is it a whole copy, and what is to be done "
		   "with it? Else it is put back where nothing is: into the "
		   "folder of Redis, and to where the settings say. As root, "
		   "while neither Redis nor any program runs. On a new host "
		   "settings and secrets come first: --secrets." },
	{ NULL, "origins", WP_CLI_ORIGINS, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .summary = "print cors.allowed_origins for the web server",
	  .story = "In the form that its snippets read; put it into "
		   "/etc/waypost/origins.conf." },
	{ "config", "show", WP_CLI_CONFIG_SHOW, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_JSON }, .summary = "the settings in effect",
	  .story = "As all programs of this host have them. Of a secret it is "
		   "told how long it is, and where it comes from." },
	{ "config", "diff", WP_CLI_CONFIG_DIFF, WP_FOR_CARE, WP_NAMES_NOTHING,
	  .opts = { WP_OPT_JSON },
	  .summary = "those that differ from their defaults" },
	{ "config", "reference", WP_CLI_CONFIG_REFERENCE, WP_FOR_CARE,
	  WP_NAMES_NOTHING, .opts = { WP_OPT_FORM },
	  .summary = "all settings that there are",
	  .story = "With what they may be, their defaults, and what they are "
		   "for." },
	{ "completion", "bash", WP_CLI_COMPLETION_BASH, WP_FOR_CARE,
	  WP_NAMES_NOTHING, .summary = "print a script for bash",
	  .story = "It completes commands and options. In a session: source "
		   "<(waypost completion bash)." },
	{ "completion", "zsh", WP_CLI_COMPLETION_ZSH, WP_FOR_CARE,
	  WP_NAMES_NOTHING, .summary = "print a script for zsh",
	  .story = "As _waypost in a folder of fpath, or in a session: eval "
		   "\"$(waypost completion zsh)\"." },
};
const size_t wp_cli_n_rows = sizeof(wp_cli_rows) / sizeof(wp_cli_rows[0]);
