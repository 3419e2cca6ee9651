#pragma once

#include "src/replay/result.hpp"

namespace attohm {

/// What a command says of its result on stdout: a table, or one JSON object.
void print_result(const Result& result, bool json);

}  // namespace attohm
