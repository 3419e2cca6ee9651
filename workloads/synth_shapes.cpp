#include "workloads/synth_shapes.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "src/base/error.hpp"
#include "src/base/resources.hpp"
#include "src/base/yaml_tree.hpp"

namespace attohm {

const Resources& shape_resources();

namespace {

/// One map of a table, with the keys that were asked for: the others are misspelt.
class Fields {
  public:
    Fields(const YamlNode& node, std::string file) : node_(node), file_(std::move(file)) {
        if (node.kind != YamlNode::Kind::map) fail("not a map", "a value", "keys and values");
    }
    ~Fields() noexcept(false) {
        if (std::uncaught_exceptions() > 0) return;
        for (const YamlNode& key : node_.keys)
            if (std::find(read_.begin(), read_.end(), key.text) == read_.end())
                throw UserError("unknown key of a shape", place_of(key, file_), key.text,
                                fmt::format("{}", fmt::join(read_, ", ")));
    }
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    const YamlNode* find(const char* key) {
        read_.emplace_back(key);
        return node_.find(key);
    }
    std::string text(const char* key, std::optional<std::string> otherwise = std::nullopt) {
        const YamlNode* node = find(key);
        if (node != nullptr) return node->text;
        if (!otherwise) fail("missing key", key, "that key");
        return *otherwise;
    }
    double real(const char* key, std::optional<double> otherwise = std::nullopt) {
        const std::string given =
            text(key, otherwise ? std::optional<std::string>("") : std::nullopt);
        if (given.empty()) return *otherwise;
        return number<double>(key, given);
    }
    std::int64_t integer(const char* key, std::int64_t low,
                         std::optional<std::int64_t> otherwise = std::nullopt) {
        const std::string given =
            text(key, otherwise ? std::optional<std::string>("") : std::nullopt);
        if (given.empty()) return *otherwise;
        const auto value = number<std::int64_t>(key, given);
        if (value < low) fail("number too small", given, fmt::format("from {}", low));
        return value;
    }
    int count(const char* key, int low, std::optional<int> otherwise = std::nullopt) {
        return static_cast<int>(integer(key, low, otherwise));
    }
    /// One number for both, or a list of two.
    std::pair<int, int> pair(const char* key) {
        const YamlNode* node = find(key);
        if (node != nullptr && node->kind == YamlNode::Kind::list && node->items.size() == 2)
            return {number<int>(key, node->items[0].text), number<int>(key, node->items[1].text)};
        const int both = count(key, 1);
        return {both, both};
    }
    [[noreturn]] void fail(const std::string& what, const std::string& got,
                           const std::string& allowed) const {
        throw UserError(what, place_of(node_, file_), got, allowed);
    }

  private:
    template <class T>
    T number(const char* key, const std::string& given) const {
        T value{};
        const char* end = given.data() + given.size();
        const auto [stop, error] = std::from_chars(given.data(), end, value);
        if (error != std::errc{} || stop != end)
            fail(fmt::format("`{}` is no number", key), given, "a number");
        return value;
    }

    const YamlNode& node_;
    std::string file_;
    std::vector<std::string> read_;
};

AttentionSize read_attention(Fields& fields) {
    AttentionSize size;
    size.heads = fields.count("heads", 1);
    size.kv_heads = fields.count("kv_heads", 1, size.heads);
    size.head_dim = fields.count("head_dim", 1);
    size.v_head_dim = fields.count("v_head_dim", 1, size.head_dim);
    size.width = fields.count("width", 1);
    size.hidden = fields.count("hidden", 0, 0);
    size.n_q = fields.count("queries", 1, 0);
    size.n_k = fields.count("keys", 1, size.n_q);
    size.windows = fields.count("windows", 1, 1);
    size.causal = fields.text("causal", "false") == "true";
    size.pattern.reach = fields.count("reach", 1, 0);
    size.pattern.globals = fields.count("globals", 0, 0);
    if (const YamlNode* grid = fields.find("grid"); grid != nullptr)
        size.pattern.grid_w = fields.pair("grid").second;
    return size;
}

ConvSize read_conv(Fields& fields) {
    ConvSize size;
    size.channels = fields.count("in", 1);
    std::tie(size.height, size.width) = fields.pair("size");
    size.outputs = fields.count("out", 1);
    std::tie(size.kernel_h, size.kernel_w) = fields.pair("kernel");
    size.stride = fields.count("stride", 1, 1);
    size.padding = fields.count("padding", 0, 0);
    size.groups = fields.count("groups", 1, 1);
    if (size.channels % size.groups != 0 || size.outputs % size.groups != 0)
        fields.fail("groups do not divide the channels", std::to_string(size.groups), "a divisor");
    return size;
}

LayerShape read_layer(Fields& fields) {
    LayerShape layer;
    const std::string kind = fields.text("kind");
    layer.name = fields.text("name", "");
    if (kind == "attention") {
        layer.attention = read_attention(fields);
    } else if (kind == "linear") {
        layer.kind = LayerKind::linear;
        layer.linear = {fields.integer("rows", 1), fields.integer("in", 1),
                        fields.integer("out", 1)};
    } else if (kind == "conv2d") {
        layer.kind = LayerKind::conv2d;
        layer.conv = read_conv(fields);
    } else if (kind == "graph") {
        layer.kind = LayerKind::graph;
        layer.graph = {fields.integer("nodes", 2), fields.integer("edges", 2),
                       fields.integer("in", 1), fields.integer("out", 1)};
    } else {
        fields.fail("unknown kind of layer", kind, "attention, linear, conv2d, graph");
    }
    return layer;
}

void read_layers(const YamlNode& list, const std::string& file, std::vector<LayerShape>& layers) {
    for (const YamlNode& item : list.items) {
        Fields fields(item, file);
        if (item.find("repeat") != nullptr) {
            const int times = fields.count("repeat", 1);
            const YamlNode* inner = fields.find("layers");
            for (int i = 0; i < times && inner != nullptr; ++i) read_layers(*inner, file, layers);
            continue;
        }
        const int count = fields.count("count", 1, 1);
        const LayerShape layer = read_layer(fields);
        layers.insert(layers.end(), static_cast<std::size_t>(count), layer);
    }
}

Mark read_mark(Fields& fields) {
    const std::string word = fields.text("mark");
    for (const Mark mark : {Mark::cited, Mark::assumed})
        if (word == mark_name(mark)) return mark;
    fields.fail("unknown mark of a shape", word, "cited, assumed");
}

NamedShape read_shape(const std::string& name, const YamlNode& node, const std::string& file) {
    Fields fields(node, file);
    NamedShape shape;
    shape.name = name;
    shape.model = fields.text("model");
    shape.family = fields.text("family");
    shape.source = fields.text("source");
    shape.mark = read_mark(fields);
    shape.prefix_tokens = fields.count("prefix_tokens", 0, 0);
    const int tokens = fields.count("tokens", 1, 0);
    if (const YamlNode* graph = fields.find("graph"); graph != nullptr) {
        Fields style(*graph, file);
        shape.graph = {style.real("exponent"), style.real("feature_density")};
    }
    if (const YamlNode* layers = fields.find("layers"); layers != nullptr)
        read_layers(*layers, file, shape.layers);
    if (shape.layers.empty()) fields.fail("a shape without layers", name, "at least one layer");
    return tokens > 0 ? with_tokens(std::move(shape), tokens) : shape;
}

/// "64k" -> 65536; nothing for what is no length.
std::optional<int> length_of(std::string text) {
    int factor = 1;
    if (!text.empty() && (text.back() == 'k' || text.back() == 'K')) {
        factor = 1024;
        text.pop_back();
    }
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < 1 || value > (1 << 24) / factor) return {};
    return value * factor;
}

bool same_size(const LayerShape& a, const LayerShape& b) {
    const AttentionSize &x = a.attention, &y = b.attention;
    return a.kind == LayerKind::attention && b.kind == LayerKind::attention && x.heads == y.heads &&
           x.kv_heads == y.kv_heads && x.head_dim == y.head_dim && x.v_head_dim == y.v_head_dim &&
           x.n_q == y.n_q && x.n_k == y.n_k && x.windows == y.windows && x.causal == y.causal &&
           x.width == y.width && x.hidden == y.hidden;
}

}  // namespace

bool NamedShape::uniform() const {
    return std::all_of(layers.begin(), layers.end(),
                       [&](const LayerShape& layer) { return same_size(layer, layers.front()); });
}

std::int64_t NamedShape::macs() const {
    std::int64_t sum = 0;
    for (const LayerShape& layer : layers) sum += layer.macs();
    return sum;
}

std::int64_t NamedShape::surrounding_macs() const {
    std::int64_t sum = 0;
    for (const LayerShape& layer : layers)
        if (layer.kind == LayerKind::attention) sum += block_macs(layer.attention);
    return sum;
}

std::vector<NamedShape> named_shapes() {
    std::vector<NamedShape> shapes;
    for (const std::string& file : shape_resources().names()) {
        const YamlNode root = parse_yaml(*shape_resources().find(file), file);
        for (std::size_t i = 0; i < root.keys.size(); ++i)
            shapes.push_back(read_shape(root.keys[i].text, root.items[i], file));
    }
    return shapes;
}

std::vector<std::string> synth_shape_names() {
    std::vector<std::string> names;
    for (const NamedShape& shape : named_shapes()) names.push_back(shape.name);
    return names;
}

NamedShape with_tokens(NamedShape shape, int tokens) {
    // A shape that took a length once takes another.
    const int before = shape.tokens;
    int changed = 0;
    for (LayerShape& layer : shape.layers) {
        AttentionSize& size = layer.attention;
        if (layer.kind != LayerKind::attention || size.n_q != before) continue;
        size.n_q = size.n_k = tokens;
        ++changed;
    }
    if (changed == 0)
        throw UserError(
            "the layers of this shape have numbers of tokens of their own", "trace synth --tokens",
            fmt::format("{} with --shape {}", tokens, shape.name), "the shape as it is");
    shape.tokens = tokens;
    return shape;
}

NamedShape named_shape(const std::string& name) {
    const std::vector<NamedShape> shapes = named_shapes();
    for (const NamedShape& shape : shapes) {
        if (shape.name == name) return shape;
        if (!name.starts_with(shape.name + "-") || shape.tokens == 0) continue;
        const std::optional<int> tokens = length_of(name.substr(shape.name.size() + 1));
        if (!tokens) continue;
        NamedShape longer = with_tokens(shape, *tokens);
        longer.name = name;
        return longer;
    }
    const std::vector<std::string> known = synth_shape_names();
    const std::string guess = nearest(name, known);
    throw UserError(
        "unknown shape", "trace synth --shape", name,
        fmt::format(
            "{}{}; a length may follow where tokens are free (bert-base-4096, flat-bert-64k)",
            fmt::join(known, ", "), guess.empty() ? "" : " (did you mean \"" + guess + "\"?)"));
}

}  // namespace attohm
