#include "src/base/error.hpp"

namespace attohm {

namespace {

std::string compose(const std::string& what, const std::string& where, const std::string& got,
                    const std::string& allowed) {
    std::string message = where.empty() ? what : where + ": " + what;
    if (!got.empty()) message += "; got " + got;
    if (!allowed.empty()) message += "; allowed: " + allowed;
    return message;
}

}  // namespace

UserError::UserError(std::string what, std::string where, std::string got, std::string allowed)
    : std::runtime_error(compose(what, where, got, allowed)),
      where_(std::move(where)),
      got_(std::move(got)),
      allowed_(std::move(allowed)) {}

void fail_invariant(std::string_view expression, std::string_view values, std::string_view file,
                    int line) {
    throw InvariantError(fmt::format("invariant broken at {}:{}: {}{}{}", file, line, expression,
                                     values.empty() ? "" : ": ", values));
}

}  // namespace attohm
