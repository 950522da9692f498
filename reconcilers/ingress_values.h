#pragma once
// Our own copy of the strictest checks that ingress-nginx makes on the annotations we write (controller 1.15.1,
// internal/ingress/annotations/parser/validators.go). A value that a validator refuses freezes the whole Ingress, and
// one that nginx refuses blocks every reload, so nothing is written that fails here. Pure.

#include <string_view>

namespace meshgraft {

// As strconv.ParseBool, with which the controller reads boolean annotations: "yes" and "on" are silently false.
bool is_on(std::string_view value);

// upstream-vhost: letters, digits, the characters of a regular expression and of URLs; no blank, quote, ';' or brace
// (a blocklist of words may name braces).
bool is_valid_vhost(std::string_view value);

// proxy-redirect-from and -to from controller 1.12: letters, digits and -._~/:,?&= alone; '$' is dropped silently.
bool is_valid_url(std::string_view value);

// Whether every controller takes `value` for proxy-redirect-from or -to and nginx then refuses its whole configuration,
// so that nobody's changes get through any more: a blank inside makes two words of it.
bool breaks_reload(std::string_view value);

}  // namespace meshgraft
