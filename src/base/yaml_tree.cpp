#include "src/base/yaml_tree.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>
#include <utility>

#include "src/base/error.hpp"

namespace attohm {

namespace {

std::string place(const YAML::Mark& mark, const std::string& name) {
    return fmt::format("{}:{}:{}", name, mark.line + 1, mark.column + 1);
}

YamlNode node_at(YamlNode::Kind kind, const YAML::Mark& mark, std::string text = {}) {
    YamlNode node;
    node.kind = kind;
    node.text = std::move(text);
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
}

/// Builds the tree from yaml-cpp's event stream, which still has the duplicates that its nodes
/// lose.
class TreeBuilder : public YAML::EventHandler {
  public:
    explicit TreeBuilder(const std::string& name) : name_(name) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ > 0)
            throw UserError("a second YAML document", place(mark, name_), "`---`",
                            "one document in a file");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_anchor(mark, anchor);
        attach(node_at(YamlNode::Kind::null, mark));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw UserError("YAML aliases are not supported", place(mark, name_), "an alias (`*name`)",
                        "the value written out");
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        attach(node_at(YamlNode::Kind::scalar, mark, value));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        open_.push_back(node_at(YamlNode::Kind::list, mark));
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        open_.push_back(node_at(YamlNode::Kind::map, mark));
    }
    void OnMapEnd() override { close(); }

    YamlNode take_root() { return std::move(root_); }

  private:
    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
        if (anchor != 0)
            throw UserError("YAML anchors are not supported", place(mark, name_),
                            "an anchor (`&name`)", "the value written out where it is used");
    }
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        // "?" is yaml-cpp's tag of a plain node, "!" that of a quoted scalar.
        if (!tag.empty() && tag != "?" && tag != "!")
            throw UserError("YAML tags are not supported", place(mark, name_), "`" + tag + "`",
                            "plain values");
    }
    void close() {
        YamlNode node = std::move(open_.back());
        open_.pop_back();
        attach(std::move(node));
    }
    void attach(YamlNode node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        YamlNode& parent = open_.back();
        const bool is_key =
            parent.kind == YamlNode::Kind::map && parent.keys.size() == parent.items.size();
        if (is_key) {
            check_key(parent, node);
            parent.keys.push_back(std::move(node));
        } else {
            parent.items.push_back(std::move(node));
        }
    }
    void check_key(const YamlNode& map, const YamlNode& key) const {
        if (key.kind != YamlNode::Kind::scalar)
            throw UserError("a key is not a word", place_of(key, name_), "a list, map or nothing",
                            "a word");
        for (const YamlNode& other : map.keys)
            if (other.text == key.text)
                throw UserError(fmt::format("duplicate key `{}`", key.text), place_of(key, name_),
                                fmt::format("the same key again (first at line {}, column {})",
                                            other.line, other.column),
                                "every key once");
    }

    const std::string& name_;
    int documents_ = 0;
    std::vector<YamlNode> open_;
    YamlNode root_;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (keys[i].text == key) return &items[i];
    return nullptr;
}

std::string place_of(const YamlNode& node, const std::string& name) {
    return fmt::format("{}:{}:{}", name, node.line, node.column);
}

YamlNode parse_yaml(std::string_view text, const std::string& name) {
    std::istringstream stream{std::string(text)};
    TreeBuilder builder(name);
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        throw UserError("not valid YAML", place(error.mark, name), error.msg, "valid YAML");
    }
    return builder.take_root();
}

}  // namespace attohm
