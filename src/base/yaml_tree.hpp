#pragma once

#include <string>
#include <string_view>
#include <vector>

/// A YAML document as plain data with the place of every node, and nothing of YAML that two readers
/// could take in two ways: no anchors, aliases, tags, second documents, or repeated keys.
namespace attohm {

struct YamlNode {
    enum class Kind { null, scalar, list, map };
    Kind kind = Kind::null;
    std::string text;             ///< of a scalar, as written
    int line = 0;                 ///< 1-based
    int column = 0;               ///< 1-based
    std::vector<YamlNode> keys;   ///< of a map: scalars
    std::vector<YamlNode> items;  ///< of a list, or the values of a map in the order of its keys

    /// The value of a key of a map, or null.
    const YamlNode* find(std::string_view key) const;
};

/// Parses one document; an empty one is a null node.
/// Args: name: what to call the document in messages, e.g. its path.
/// Throws: UserError with name:line:column.
YamlNode parse_yaml(std::string_view text, const std::string& name);

/// "name:line:column" of a node.
std::string place_of(const YamlNode& node, const std::string& name);

}  // namespace attohm
