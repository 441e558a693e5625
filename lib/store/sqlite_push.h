/*
 * sqlite_push.h - devices in a SQLite cold store; private to lib/store/sqlite*.
 *
 * Their statements are prepared with those of sqlite.c, and stand before them.
 */
#ifndef WP_LIB_STORE_SQLITE_PUSH_H
#define WP_LIB_STORE_SQLITE_PUSH_H

#include "lib/store/backend.h"

/* What of a row is told, in the order of its reader. */
#define WP_PUSH_COLUMNS                                                \
	"id, tok, print, kind, app, device, account, name, platform, " \
	"sealed, vapid, flags, state, reason, registered_s, "          \
	"refreshed_day, marked_s, result, result_day, code_s "

/*
 * Of WP_PUSH_SQL_PUT_…: ?1 tok, ?2 urn, ?3 id, ?4 print, ?5 kind, ?6 app, ?7
 * device, ?8 account, ?9 name, ?10 platform, ?11 sealed, ?12 vapid, ?13 flags,
 * ?14 session, ?15 subject, ?16 user, ?17 now, ?18 day, ?19 how many, ?20
 * issued_s, ?21 state. A statement uses some of them.
 *
 * A known row is written only where something differs, or a later token says
 * the same: an end that is about earlier ones spares it then. Of one owner the
 * latest counts, in whatever order they come. Its sealed text is the
 * old one while the print is: it says the same. With another text it is another
 * token, of which no verdict is known yet, so registered_s becomes another
 * value, also within one second.
 */
#define WP_PUSH_SQL(ROW)                                                      \
	ROW(WP_PUSH_SQL_HAS_ENDED,                                            \
	    "SELECT 1 FROM push_end WHERE owner = ?1 AND until_s >= ?2")      \
	ROW(WP_PUSH_SQL_FIND,                                                 \
	    "SELECT id, state FROM push_token WHERE tok = ?1 AND urn = ?2")   \
	ROW(WP_PUSH_SQL_PUT_MOVE,                                             \
	    "DELETE FROM push_token WHERE tok = ?1 AND urn <> ?2 "            \
	    "AND (flags & ?13 & 2) = 0")                                      \
	ROW(WP_PUSH_SQL_PUT_CROWD,                                            \
	    "DELETE FROM push_token WHERE rowid IN "                          \
	    "(SELECT rowid FROM push_token WHERE tok = ?1 AND urn <> ?2 "     \
	    "ORDER BY refreshed_day DESC, registered_s DESC, rowid DESC "     \
	    "LIMIT -1 OFFSET ?19)")                                           \
	ROW(WP_PUSH_SQL_PUT_ROTATE,                                           \
	    "DELETE FROM push_token WHERE urn = ?2 AND device = ?7 "          \
	    "AND kind = ?5 AND app = ?6 AND tok <> ?1 AND ?7 <> ''")          \
	ROW(WP_PUSH_SQL_PUT_KNOWN,                                            \
	    "UPDATE push_token SET device = ?7, account = ?8, name = ?9, "    \
	    "platform = ?10, flags = ?13, session = ?14, subject = ?15, "     \
	    "owner = ?16, refreshed_day = ?18, "                              \
	    "issued_s = CASE WHEN (session, subject, owner) IS "              \
	    "(?14, ?15, ?16) THEN max(issued_s, ?20) ELSE ?20 END, "          \
	    "registered_s = CASE WHEN print = ?4 AND state <> 2 "             \
	    "THEN registered_s ELSE max(?17, registered_s + 1) END, "         \
	    "sealed = CASE WHEN print = ?4 AND state <> 2 "                   \
	    "THEN sealed ELSE ?11 END, "                                      \
	    "vapid = CASE WHEN print = ?4 AND state <> 2 "                    \
	    "THEN vapid ELSE ?12 END, "                                       \
	    "marked_s = CASE WHEN print = ?4 AND state <> 2 "                 \
	    "THEN marked_s ELSE 0 END, "                                      \
	    "reason = CASE WHEN print = ?4 AND state <> 2 "                   \
	    "THEN reason ELSE '' END, "                                       \
	    "state = CASE WHEN print = ?4 AND state <> 2 "                    \
	    "THEN state ELSE ?21 END, "                                       \
	    "print = ?4 WHERE tok = ?1 AND urn = ?2 AND (state = 2 OR "       \
	    "issued_s < ?20 OR "                                              \
	    "(device, account, name, platform, flags, session, subject, "     \
	    "owner, refreshed_day, print) IS NOT "                            \
	    "(?7, ?8, ?9, ?10, ?13, ?14, ?15, ?16, ?18, ?4))")                \
	ROW(WP_PUSH_SQL_PUT_NEW,                                              \
	    "INSERT INTO push_token (id, tok, print, urn, kind, app, "        \
	    "device, account, name, platform, sealed, vapid, flags, "         \
	    "session, subject, owner, state, reason, registered_s, "          \
	    "refreshed_day, issued_s) VALUES (?3, ?1, ?4, ?2, ?5, ?6, ?7, "   \
	    "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?21, '', ?17, ?18, "  \
	    "?20)")                                                           \
	ROW(WP_PUSH_SQL_PUT_TOO_MANY,                                         \
	    "DELETE FROM push_token WHERE rowid IN "                          \
	    "(SELECT rowid FROM push_token WHERE urn = ?2 AND id <> ?3 "      \
	    "ORDER BY state = 2, refreshed_day DESC, registered_s DESC, "     \
	    "rowid DESC LIMIT -1 OFFSET ?19)")                                \
	ROW(WP_PUSH_SQL_CODE,                                                 \
	    "SELECT state, "                                                  \
	    "(SELECT coalesce(sum(n), 0) FROM push_letter "                   \
	    "WHERE tok = ?1 AND day = ?4), "                                  \
	    "(SELECT coalesce(sum(n), 0) FROM push_letter "                   \
	    "WHERE urn = ?2 AND day = ?4) FROM push_token WHERE id = ?3")     \
	ROW(WP_PUSH_SQL_PUT_CODE,                                             \
	    "UPDATE push_token SET code_s = max(?17, code_s + 1), tries = 0 " \
	    "WHERE id = ?3 AND (tries >= 5 OR code_s <= ?17 - 1800)")         \
	ROW(WP_PUSH_SQL_PUT_LETTER,                                           \
	    "INSERT INTO push_letter (tok, urn, day, n) "                     \
	    "VALUES (?1, ?2, ?18, 1) ON CONFLICT (tok, urn) DO UPDATE SET "   \
	    "n = CASE WHEN day = excluded.day THEN n + 1 ELSE 1 END, "        \
	    "day = excluded.day")                                             \
	ROW(WP_PUSH_SQL_PUT_FORGET,                                           \
	    "DELETE FROM push_letter WHERE (tok, urn) IN "                    \
	    "(SELECT tok, urn FROM push_letter WHERE day < ?18 LIMIT ?19)")   \
	ROW(WP_PUSH_SQL_VERIFY,                                               \
	    "UPDATE push_token SET state = CASE state WHEN 3 THEN 0 "         \
	    "ELSE state END WHERE id = ?1 AND urn = ?2 AND state <> 2 "       \
	    "AND code_s = ?3 AND code_s > ?4 AND tries < 5")                  \
	ROW(WP_PUSH_SQL_GUESS,                                                \
	    "UPDATE push_token SET tries = tries + 1 WHERE id = ?1 "          \
	    "AND urn = ?2 AND state = 3 AND tries < 5")                       \
	ROW(WP_PUSH_SQL_LIST,                                                 \
	    "SELECT " WP_PUSH_COLUMNS "FROM push_token WHERE urn = ?1 "       \
	    "ORDER BY registered_s, rowid")                                   \
	ROW(WP_PUSH_SQL_REMOVE_ID,                                            \
	    "DELETE FROM push_token WHERE urn = ?1 AND id = ?2")              \
	ROW(WP_PUSH_SQL_REMOVE_ANYBODYS,                                      \
	    "DELETE FROM push_token WHERE id = ?2")                           \
	ROW(WP_PUSH_SQL_REMOVE_DEVICE,                                        \
	    "DELETE FROM push_token WHERE urn = ?1 AND device = ?2")          \
	ROW(WP_PUSH_SQL_REMOVE_TOK,                                           \
	    "DELETE FROM push_token WHERE urn = ?1 AND tok = ?2")             \
	ROW(WP_PUSH_SQL_END,                                                  \
	    "INSERT INTO push_end (owner, until_s, forget_s) "                \
	    "VALUES (?1, ?2, ?3) ON CONFLICT (owner) DO UPDATE SET "          \
	    "until_s = max(until_s, excluded.until_s), "                      \
	    "forget_s = excluded.forget_s")                                   \
	ROW(WP_PUSH_SQL_END_FORGET,                                           \
	    "DELETE FROM push_end WHERE forget_s <= ?1")                      \
	ROW(WP_PUSH_SQL_REMOVE_OWNED,                                         \
	    "DELETE FROM push_token WHERE (session = ?1 OR subject = ?1 "     \
	    "OR owner = ?1) AND issued_s <= ?2")                              \
	ROW(WP_PUSH_SQL_MARK,                                                 \
	    "UPDATE push_token SET state = ?3, reason = ?4, marked_s = CASE"  \
	    " WHEN state = ?3 THEN marked_s ELSE ?5 END, "                    \
	    "sealed = CASE WHEN ?3 = 2 THEN NULL ELSE sealed END "            \
	    "WHERE id = ?1 AND registered_s = ?2 AND state <> 2 "             \
	    "AND (state <> 3 OR ?3 = 2)")                                     \
	ROW(WP_PUSH_SQL_RESULT,                                               \
	    "UPDATE push_token SET result = ?2, result_day = ?3 "             \
	    "WHERE id = ?1 AND (result, result_day) <> (?2, ?3)")             \
	ROW(WP_PUSH_SQL_EXPIRE_OLD,                                           \
	    "DELETE FROM push_token WHERE rowid IN "                          \
	    "(SELECT rowid FROM push_token WHERE refreshed_day < ?1 "         \
	    "LIMIT ?2)")                                                      \
	ROW(WP_PUSH_SQL_EXPIRE_GONE,                                          \
	    "DELETE FROM push_token WHERE rowid IN "                          \
	    "(SELECT rowid FROM push_token WHERE state = 2 "                  \
	    "AND marked_s < ?1 LIMIT ?2)")                                    \
	ROW(WP_PUSH_SQL_PREFS, "SELECT json FROM push_pref WHERE urn = ?1")   \
	ROW(WP_PUSH_SQL_PREFS_PUT,                                            \
	    "INSERT INTO push_pref (urn, json, changed_s) "                   \
	    "VALUES (?1, ?2, ?3) ON CONFLICT (urn) DO UPDATE SET "            \
	    "json = excluded.json, changed_s = excluded.changed_s "           \
	    "WHERE json <> excluded.json")

#define WP_PUSH_SQL_ID(name, text) name,
enum wp_push_sql { WP_PUSH_SQL(WP_PUSH_SQL_ID) WP_PUSH_SQL_COUNT };
#undef WP_PUSH_SQL_ID

_Static_assert(WP_PUSH_CODE_TRIES == 5 && WP_PUSH_CODE_SECONDS == 2 * 1800,
	       "as the statements have it");

extern const struct wp_push_backend wp_push_sqlite;

#endif /* WP_LIB_STORE_SQLITE_PUSH_H */
