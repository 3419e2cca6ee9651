#include "src/replay/result_work_io.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"
#include "src/replay/work_block.hpp"

namespace attohm {

namespace {

constexpr int kNameWidth = 6;

std::string block_name(std::int64_t block) {
    return fmt::format("{:0{}}", block, kNameWidth);
}

std::size_t rows_of(const StoredSample& sample) {
    std::size_t rows = sample.layers.size() + 1;
    for (const StoredHead& head : sample.heads) rows += 1 + (head.kept ? head.kept->rows() : 0);
    return rows;
}

}  // namespace

WorkWriter::WorkWriter(const H5Group& result, std::size_t rows_per_block)
    : group_(result.create_group("work")), rows_per_block_(rows_per_block) {
    group_.create_group("blocks");
    group_.set_text("help",
                    "what every evaluated sample asked of a machine: `attohm price` reads it");
}

void WorkWriter::add(StoredSample sample) {
    rows_held_ += rows_of(sample);
    held_.push_back(std::move(sample));
    if (rows_held_ >= rows_per_block_) write_block();
}

void WorkWriter::write_block() {
    write_work_block(group_.group("blocks").create_group(block_name(blocks_)), held_);
    ++blocks_;
    samples_ += std::ssize(held_);
    held_.clear();
    rows_held_ = 0;
}

void WorkWriter::finish() {
    if (!held_.empty()) write_block();
    group_.set_integer("count", blocks_);
    group_.set_integer("samples", samples_);
}

std::int64_t read_work(const std::string& path, const TakeSamples& take) {
    const H5File file = H5File::open(path);
    const H5Group root = file.root();
    if (!root.has_group("work"))
        throw UserError("the result holds no work to price", root.where("work"), "nothing",
                        "a result of `attohm run` with results.work: summaries");
    const H5Group work = root.group("work");
    const std::int64_t count = work.integer("count");
    const H5Group blocks = work.group("blocks");
    if (count != std::ssize(blocks.groups()))
        throw UserError("wrong number of blocks", blocks.where(),
                        fmt::format("{}", blocks.groups().size()), fmt::format("{}", count));
    std::int64_t samples = 0;
    for (std::int64_t block = 0; block < count; ++block) {
        std::vector<StoredSample> read = read_work_block(blocks.group(block_name(block)));
        samples += std::ssize(read);
        take(std::move(read));
    }
    if (samples != work.integer("samples") || samples == 0)
        throw UserError("wrong number of samples", work.where(), fmt::format("{}", samples),
                        fmt::format("{}, at least one", work.integer("samples")));
    return samples;
}

}  // namespace attohm
