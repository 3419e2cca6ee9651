#include "src/app/print_result.hpp"

#include <cstdio>
#include <string>

#include "src/replay/result_io.hpp"
#include "src/replay/result_table.hpp"

namespace attohm {

void print_result(const Result& result, bool json) {
    const std::string text = json ? result_json(result) : result_table(result);
    std::fputs(text.c_str(), stdout);
    if (json || text.empty() || text.back() != '\n') std::fputs("\n", stdout);
}

}  // namespace attohm
