#pragma once

#include <map>
#include <optional>
#include <string>

#include "workloads/trace_copy.hpp"

namespace attohm {

/// Where objects of a trace go in a new one. What is said of a group holds for all in it, unless
/// more is said of that; what nothing is said of stays where it is.
class PathMoves {
  public:
    void move(const std::string& from, std::string to) { moves_[from] = std::move(to); }
    void drop(const std::string& from) { moves_[from] = std::nullopt; }
    /// The new path; nothing for what is dropped.
    std::optional<std::string> target(const std::string& from) const;

    /// The items that stay, at their new paths, with attributes that name a path (`weight_path`)
    /// rewritten. Throws: UserError where such a path is dropped.
    std::vector<CopyItem> apply(std::vector<CopyItem> items) const;

  private:
    void rewrite_paths(CopyItem& item) const;

    std::map<std::string, std::optional<std::string>> moves_;
};

}  // namespace attohm
