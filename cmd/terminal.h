#pragma once
// Terminal: where a command reads and writes, how wide that is and whether it shows colours. Made by main, or by a
// test over string streams; handed to every command. Also wraps text to the width.

#include <chrono>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include "cmd/connect.h"
#include "cmd/options.h"
#include "k8sclient/base/clock.h"

namespace meshgraft {

enum class Colour : std::uint8_t { none, bold, faint, red, green, yellow, cyan };

struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool interactive = false;  // `out` is a terminal
  bool colour = false;
  int width = 80;            // columns
  // Opens the API server that options and environment name; a test puts its own here.
  std::function<Result<Connection>(const Options&, const Environment&)> connect = {};
  Environment environment = {};
  // Lets time pass between two looks; empty: sleeps. A test lets its cluster go on instead.
  std::function<void(std::chrono::seconds)> pause = {};
  // The one clock of whoever follows a cluster; empty: the steady clock. A test's goes on with pauses and slow calls.
  std::function<Time()> now = {};
};

// `text` in `colour`, or as it is where the terminal shows none.
std::string paint(const Terminal& terminal, Colour colour, std::string_view text);

// `text` broken at spaces so that no line exceeds `width` columns; a longer word is cut. The first line is preceded
// by `first`, the others by `rest`; the lines end with a newline. Columns are counted as one per code point, two
// for East Asian wide ones.
std::string wrapped(std::string_view text, std::string_view first, std::string_view rest, int width);

// The columns that `text` takes.
int columns(std::string_view text);

// `text` filled up with spaces to `width` columns.
std::string padded(std::string_view text, int width);

}  // namespace meshgraft
