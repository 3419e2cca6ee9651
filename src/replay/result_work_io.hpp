#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "src/base/hdf5.hpp"
#include "src/work/stored_work.hpp"

/// The work of every evaluated sample in a result file: `blocks/000000`, ... in its group `work`.
/// Each block holds some samples whole, one column a quantity, compressed.
namespace attohm {

/// Writes samples as they come; holds one block.
class WorkWriter final : public WorkSink {
  public:
    /// Args: result: the group that gets `work`; rows_per_block: queries of all heads after which a
    /// block is written.
    explicit WorkWriter(const H5Group& result, std::size_t rows_per_block = kRowsPerBlock);
    void add(StoredSample sample) override;
    /// Writes what is held, and how much there is.
    void finish();

  private:
    static constexpr std::size_t kRowsPerBlock = std::size_t{1} << 20;
    void write_block();

    H5Group group_;
    std::size_t rows_per_block_;
    std::vector<StoredSample> held_;
    std::size_t rows_held_ = 0;
    std::int64_t blocks_ = 0;
    std::int64_t samples_ = 0;
};

/// Hands every stored sample on, in order, one block in memory at a time. Returns: how many.
/// Throws: UserError for a file that holds no work, or damaged work.
using TakeSamples = std::function<void(std::vector<StoredSample> block)>;
std::int64_t read_work(const std::string& path, const TakeSamples& take);

}  // namespace attohm
