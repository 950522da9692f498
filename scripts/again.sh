# Sourced by the scripts that fetch from somewhere: a proxy that answers 503 once, a mirror that breaks off, or another
# apt-get that holds the lock must not end a set-up of a quarter of an hour. Does nothing by itself.

# again COMMAND…: runs it until it succeeds, at most four times, with 3, 10 and 30 s in between. Its last exit status.
again() {
  local pause status
  for pause in 3 10 30 ''; do
    status=0
    "$@" || status=$?
    [ "$status" -eq 0 ] && return
    [ -z "$pause" ] && return "$status"
    echo "${0##*/}: $1 ended with status $status; once more in $pause s" >&2
    sleep "$pause"
  done
}
