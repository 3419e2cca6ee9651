#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// The three kinds of error (they have three different readers):
///   UserError      the input is wrong; says what, where, got, allowed; exit code 2
///   InvariantError our own code is wrong; ATTOHM_CHECK prints both values; exit code 1
///   counted events rare but legal (clips, clamps): never thrown, always counted and reported
namespace attohm {

/// The user's input is wrong.
///
/// Args:
///   what:    the thing that is wrong, e.g. "unknown key `device.crad`"
///   where:   file:line:column, file plus dataset path, or the command-line option
///   got:     what was found there
///   allowed: what would have been right
class UserError : public std::runtime_error {
  public:
    UserError(std::string what, std::string where, std::string got, std::string allowed);

    const std::string& where() const { return where_; }
    const std::string& got() const { return got_; }
    const std::string& allowed() const { return allowed_; }

  private:
    std::string where_;
    std::string got_;
    std::string allowed_;
};

/// A promise inside the program does not hold.
class InvariantError : public std::logic_error {
  public:
    using std::logic_error::logic_error;
};

[[noreturn]] void fail_invariant(std::string_view expression, std::string_view values,
                                 std::string_view file, int line);

}  // namespace attohm

#define ATTOHM_CHECK(condition)                                           \
    do {                                                                  \
        if (!(condition)) [[unlikely]]                                    \
            ::attohm::fail_invariant(#condition, "", __FILE__, __LINE__); \
    } while (false)

#define ATTOHM_CHECK_OP(a, b, op)                                                                  \
    do {                                                                                           \
        const auto check_a = (a);                                                                  \
        const auto check_b = (b);                                                                  \
        if (!(check_a op check_b)) [[unlikely]]                                                    \
            ::attohm::fail_invariant(#a " " #op " " #b, fmt::format("{} vs {}", check_a, check_b), \
                                     __FILE__, __LINE__);                                          \
    } while (false)

#define ATTOHM_CHECK_EQ(a, b) ATTOHM_CHECK_OP(a, b, ==)
#define ATTOHM_CHECK_LE(a, b) ATTOHM_CHECK_OP(a, b, <=)
#define ATTOHM_CHECK_LT(a, b) ATTOHM_CHECK_OP(a, b, <)
