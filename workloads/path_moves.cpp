#include "workloads/path_moves.hpp"

#include <utility>

#include "src/base/error.hpp"

namespace attohm {

std::optional<std::string> PathMoves::target(const std::string& from) const {
    for (std::size_t length = from.size(); length > 0 && length != std::string::npos;
         length = from.rfind('/', length - 1)) {
        const auto found = moves_.find(from.substr(0, length));
        if (found == moves_.end()) continue;
        if (!found->second) return std::nullopt;
        return *found->second + from.substr(length);
    }
    return from;
}

void PathMoves::rewrite_paths(CopyItem& item) const {
    if (!item.from) return;
    for (const char* name : {"weight_path", "bias_path", "adjacency_path"}) {
        if (!item.from->has_attribute(name)) continue;
        const std::string path = item.from->text(name);
        const std::optional<std::string> to = target(path);
        if (!to)
            throw UserError("an attribute names what would be left out",
                            item.from->where_attribute(name), "\"" + path + "\"",
                            "a choice that keeps both");
        if (*to != path) item.set[name] = *to;
    }
}

std::vector<CopyItem> PathMoves::apply(std::vector<CopyItem> items) const {
    std::vector<CopyItem> kept;
    for (CopyItem& item : items) {
        const std::optional<std::string> to = target(item.to);
        if (!to) continue;
        item.to = *to;
        rewrite_paths(item);
        kept.push_back(std::move(item));
    }
    return kept;
}

}  // namespace attohm
