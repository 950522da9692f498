#pragma once
// Result<T>: a value or the error that took its place, with the names of std::expected, which neither
// compiler of ours offers yet. Used by every layer; never throws.

#include <string>
#include <utility>
#include <variant>

namespace meshgraft {

// What a bad file, key or argument is reported as. `text` is one sentence for a person, without a trailing period.
struct Error {
  std::string text;
};

template <typename E>
class Unexpected {
 public:
  explicit Unexpected(E error) : error_(std::move(error)) {}
  E& error() & { return error_; }
  const E& error() const& { return error_; }

 private:
  E error_;
};

inline Unexpected<Error> fail(std::string text) { return Unexpected<Error>(Error{std::move(text)}); }

struct Unit {};  // the value of a Result that has nothing to say but success

template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}                        // NOLINT: implicit as in std::expected
  Result(Unexpected<E> error) : state_(std::in_place_index<1>, std::move(error.error())) {}    // NOLINT: implicit as in std::expected

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition of value(), * and ->: has_value(). Precondition of error(): !has_value().
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  E& error() & { return *std::get_if<1>(&state_); }
  const E& error() const& { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, E> state_;
};

}  // namespace meshgraft
