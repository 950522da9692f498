#pragma once
// WatchMachine: keeps one kind's copy true by deciding what to ask of the API server next, and what each answer
// means for the cache. Driven by controller/watcher, one machine a kind and thread. Does no I/O and reads no clock:
// time and chance come in as values, so every path is a table test.
//
// Expected flow (the caller's whole loop):
//   Next next = machine.next();                      // wait next.wait, then send next.request
//   list:   page = api.list(…);
//           apply(page ? machine.on_page(page, now, random) : machine.on_list_error(error, now, random));
//   watch:  machine.on_watch_start(now);             // right before the request
//           api.watch(…, bytes -> lines -> for each: reaction = machine.on_event(event);
//                                                    apply(reaction.step); if (!reaction.go_on) return false;)
//           then, after the stream: machine.on_watch_end(error or nullptr, now, random);
//   apply() carries out cache steps in their order. `random` is uniform in [0, 1).
//
// Guarantees
// - end_replace comes only after every page of one consistent list; between begin_replace and end_replace nothing
//   else comes. Objects that vanished during a gap are those the replaced map holds and the new one lacks.
// - The resourceVersion advances after the step of the event that carries it was handed out, and by bookmarks.
// - No list because of a refused connection, 429 or 5xx on a watch: the server is weakest just then.
//
// Truth table. "same" keeps the state and, for a watch, its resourceVersion; back-off is kBackoff… below.
//   state        | input                                        | next
//   -------------+----------------------------------------------+----------------------------------------------
//   empty        | (start)                                      | list, page of kPageSize, newest version
//   empty, page  | page with continue                           | list that token; the version is page 1's
//   empty, page  | last page                                    | watch from the list's version at once
//   page         | 410 (the token expired)                      | one full list without limit, at once
//   empty, page  | 429, transport, 5xx, 401                     | same page again after back-off
//   empty, page  | 403 / 404                                    | standing forbidden / absent (a kind that was synced:
//                |                                              | at the second 404); list anew after back-off
//   empty, page  | other error, page without version or uid     | list anew after back-off
//   listed       | first event                                  | state watching
//   listed, w.   | clean end, or cancelled                      | watch, same, at once
//   listed, w.   | clean end within 1 s and without an event    | watch, same, after back-off
//   listed, w.   | 410 at start or as ERROR event               | list anew after back-off
//   listed, w.   | 429 at start or as ERROR event               | watch, same, after Retry-After or back-off if longer
//   listed, w.   | transport, 5xx, 401                          | watch, same, after back-off
//   listed, w.   | ERROR events of 5xx for over 30 s            | list anew after back-off
//   listed, w.   | 403                                          | standing forbidden; watch, same, after back-off
//   listed, w.   | 404                                          | list anew after back-off
//   listed, w.   | 504 too large resourceVersion                | list anew after back-off (the server is behind us)
//   listed, w.   | line that is no event, object without uid or | list anew after back-off: an event was lost
//                | version, version that goes backwards, other  |
//   listed       | accepted, and quiet since                    | same, standing synced
//   listed       | transport after a minute of such quiet       | watch, same, at once: servers such as 1.24 send no
//                |                                              | bookmarks of a kind without events since their start.
//                |                                              | From the second time in a row on, nothing heard and
//                |                                              | no failure between, the standing stays synced
//   listed       | half an hour of such quiet                   | list anew: a proxy may hold back what a watch sends
//   watching     | bookmark                                     | version advances, nothing else
//   watching     | event of a type that we do not know          | ignored
// With Lists::streamed an empty machine asks for a watch that begins with every object (WatchList) in place of pages:
//   empty        | (start; at most one such stream failed since | watch with initial events, no version; state initial
//                | the last list; neither forbidden nor absent) |
//   initial      | ADDED, MODIFIED / DELETED                    | into / out of the new map; versions in any order
//   initial      | bookmark annotated initial-events-end        | the maps are swapped; state watching
//   initial      | other bookmark                               | nothing: only that annotation means complete
//   initial      | clean end, or cancelled, before that         | the same anew; at the second time list pages
//   initial      | 429, transport, 5xx, 401                     | the same anew after back-off; at the second pages
//   initial      | 403, 404                                     | list pages at once: their answer decides the standing
//   initial      | 410                                          | anew after back-off
//   initial      | 400, 422 and any other refusal, bad bytes    | list pages at once, and never a stream again

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "k8sclient/model/api_error.h"
#include "k8sclient/model/decode.h"

namespace meshgraft {

struct NextList {
  int limit = 0;                 // 0: no paging
  std::string continue_token;    // with one, resource_version is "": the server refuses both together
  std::string resource_version;  // always "": the newest
};
struct NextWatch {
  std::string resource_version;
  std::chrono::seconds timeout{0};  // timeoutSeconds; the stream is dead when silent for a little longer
  bool initial_events = false;      // every object first; resource_version is ""
};
struct Next {
  std::chrono::milliseconds wait{0};  // before the request
  std::variant<NextList, NextWatch> request;
};

enum class CacheOp : std::uint8_t {
  begin_replace,  // start a new map beside the one in use; one begun before is thrown away
  add,            // put `objects` into the new map, in place of those of their keys
  drop,           // take the key of `object` out of the new map
  end_replace,    // swap the maps; what only the old one holds was deleted meanwhile
  upsert,         // put `object` in place of the one of its key
  remove,         // take out the key of `object`
  bookmark,       // nothing changed up to `resource_version`
};
struct CacheStep {
  CacheOp op = CacheOp::bookmark;
  std::vector<ObjectPtr> objects;  // add
  ObjectPtr object;                // upsert, remove, drop (its last state)
  std::string resource_version;    // end_replace, bookmark, upsert, remove
};

// What an event asks for. `go_on` false: end the stream, then call on_watch_end.
struct Reaction {
  std::optional<CacheStep> step;
  bool go_on = true;
  bool begins = false;  // begin_replace is to be carried out before `step`
};

class WatchMachine {
 public:
  enum class State : std::uint8_t { empty, page, initial, listed, watching };  // kube-rs's, under our names

  // How the objects that are there at the start are asked for.
  enum class Lists : std::uint8_t {
    paged,
    streamed,  // by a watch where the server offers it, else paged
  };

  // How much the copy may be believed.
  enum class Standing : std::uint8_t {
    starting,   // never listed completely
    synced,     // true up to resource_version(), and being followed or about to be
    failing,    // was synced, the server cannot be followed at present: last_error() says why
    forbidden,  // 403: we may not; what the cache holds is old
    absent,     // 404: the server does not serve the kind; what the cache holds is gone
  };

  explicit WatchMachine(Kind kind, Lists lists = Lists::paged) : kind_(kind), streams_(lists == Lists::streamed) {}

  [[nodiscard]] Next next() const;

  [[nodiscard]] std::vector<CacheStep> on_page(ListPage page, std::chrono::steady_clock::time_point now, double random);
  // Returns no steps: a list that failed leaves the cache as it is. (A begun replacement stays open for the same
  // page's second try, and is begun anew when the list starts over.)
  void on_list_error(const ApiError& error, std::chrono::steady_clock::time_point now, double random);

  void on_watch_start(std::chrono::steady_clock::time_point now);
  // The server took the watch and had nothing to say for a while: an expired version it would have told by now. Without
  // this a kind in which nothing happens would be believed again only at the next bookmark, a minute later.
  void on_watch_accepted();
  [[nodiscard]] Reaction on_event(Result<WatchEvent> event);
  // `error`: how the stream ended, null for a clean end. After a Reaction with go_on false it does not matter.
  void on_watch_end(const ApiError* error, std::chrono::steady_clock::time_point now, double random);

  // A hint that it may work now, such as the kind's CRD having come: the next request does not wait.
  void hurry() { wait_ = std::chrono::milliseconds(0); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Standing standing() const { return standing_; }
  [[nodiscard]] const std::string& resource_version() const { return version_; }
  // Of the last failure; empty once the server was followed again.
  [[nodiscard]] const std::optional<ApiError>& last_error() const { return last_error_; }

  // For metrics, since the start.
  struct Counts {
    std::uint64_t lists = 0;    // complete ones, streamed ones among them
    std::uint64_t streamed = 0;
    std::uint64_t watches = 0;  // streams begun
    std::uint64_t short_watches = 0;
    std::uint64_t events = 0;   // changes handed to the cache
    std::uint64_t expired = 0;  // 410 of any kind
    std::uint64_t bad_events = 0;
    std::uint64_t quiet_ends = 0;  // streams that fell silent as those of this kind do on this server
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void start_over();
  void fail_with(const ApiError& error, std::chrono::steady_clock::time_point now, double random);
  void back_off(const ApiError* error, std::chrono::steady_clock::time_point now, double random);
  Reaction leave(ApiError error);
  [[nodiscard]] bool asks_for_stream() const;
  Reaction on_initial_event(WatchEvent event);
  void on_initial_end(const ApiError* error, std::chrono::steady_clock::time_point now, double random);

  const Kind kind_;
  bool streams_;             // WatchList may be asked for
  int streams_failed_ = 0;   // since the last complete list
  bool list_next_ = false;   // pages, though streams_ is true
  State state_ = State::empty;
  Standing standing_ = Standing::starting;
  std::string version_;       // of the list or of the last event or bookmark
  std::string page_version_;  // page 1's
  std::string continue_token_;
  bool full_list_ = false;  // the next list is without limit
  bool replacing_ = false;  // begin_replace was handed out for the list under way
  std::chrono::milliseconds wait_{0};
  double spread_ = 0;                     // the last random number, for the watch's timeout
  std::chrono::milliseconds backoff_{0};  // the last one, without jitter; 0 when none
  std::optional<std::chrono::steady_clock::time_point> failed_at_;
  std::chrono::steady_clock::time_point watch_started_;
  bool saw_event_ = false;                                                   // in the running stream
  bool accepted_ = false;                                                    // the running stream was, and is quiet
  int silent_in_a_row_ = 0;                                                  // streams that ended in their quiet
  std::optional<ApiError> pending_;                                          // why we leave the running stream
  std::optional<std::chrono::steady_clock::time_point> error_events_since_;  // of 5xx, without a good event between
  std::optional<ApiError> last_error_;
  Counts counts_;
};

std::string_view to_string(WatchMachine::Standing standing);

}  // namespace meshgraft
