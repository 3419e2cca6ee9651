#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Lists of ordinals as people write them: "0,3,10-19".
namespace attohm {

/// Ascending, each once. Args: option: for messages, e.g. "--samples"; count: ordinals there are.
/// Throws: UserError for anything else, for repeats, and for ordinals from `count` on.
std::vector<int> parse_index_list(std::string_view text, const std::string& option, int count);

/// The shortest text of an ascending list.
std::string index_list_text(const std::vector<int>& indices);

}  // namespace attohm
