#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "src/work/work.hpp"

/// Columns of the table of stored heads: what is written and read back, in one place.
namespace attohm {

struct HeadColumn {
    std::string name;
    std::string unit;
    std::string help;
    std::function<std::int64_t(const HeadWork&)> get;
    std::function<void(HeadWork&, std::int64_t)> set;
};
const std::vector<HeadColumn>& head_columns();

/// The same for joules, seconds and means.
struct HeadAmount {
    std::string name;
    std::string unit;
    std::string help;
    std::function<double&(HeadWork&)> at;
};
const std::vector<HeadAmount>& head_amounts();

}  // namespace attohm
