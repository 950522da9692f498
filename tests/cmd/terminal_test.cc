#include "cmd/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

namespace meshgraft {
namespace {

TEST(Wrapped, breaks_at_spaces_and_indents_what_follows) {
  EXPECT_EQ(wrapped("one two three four", "- ", "  ", 11), "- one two\n  three\n  four\n");
}

TEST(Wrapped, cuts_a_word_that_is_longer_than_the_line) { EXPECT_EQ(wrapped("abcdefghij", "> ", "  ", 6), "> abcd\n  efgh\n  ij\n"); }

TEST(Wrapped, counts_wide_letters_twice_and_never_cuts_one) {
  EXPECT_EQ(columns("微服务"), 6);
  EXPECT_EQ(wrapped("微服务网格", "", "", 5), "微服\n务网\n格\n");
}

TEST(Wrapped, an_empty_text_is_its_first_line) { EXPECT_EQ(wrapped("", "do  ", "", 80), "do  \n"); }

TEST(Wrapped, bytes_that_are_no_utf8_end) { EXPECT_EQ(wrapped("\xff\xfe\xe4", "", "", 2), "\xff\xfe\n\xe4\n"); }

TEST(Wrapped, a_line_exactly_full_stays_one) { EXPECT_EQ(wrapped("abc def", "", "", 7), "abc def\n"); }

TEST(Paint, shows_colour_only_where_the_terminal_does) {
  std::istringstream in;
  std::ostringstream out;
  Terminal terminal{in, out, out};
  EXPECT_EQ(paint(terminal, Colour::red, "x"), "x");
  terminal.colour = true;
  EXPECT_EQ(paint(terminal, Colour::red, "x"), "\033[31mx\033[0m");
}

}  // namespace
}  // namespace meshgraft
