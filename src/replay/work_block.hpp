#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "src/work/stored_work.hpp"

/// One block of stored work in a result file.
namespace attohm {

void write_work_block(const H5Group& block, const std::vector<StoredSample>& samples);

/// Throws: UserError for columns that are missing, of another length, or that contradict each
/// other.
std::vector<StoredSample> read_work_block(const H5Group& block);

// Parts of a block.

/// Columns of one table, compressed, with their unit and help.
class BlockTable {
  public:
    /// Creates the group `name`.
    BlockTable(const H5Group& block, std::string_view name, std::string_view scope);
    void integers(std::string_view name, std::string_view unit, std::string_view help,
                  const std::vector<std::int64_t>& values) const;
    void reals(std::string_view name, std::string_view unit, std::string_view help,
               const std::vector<double>& values) const;
    void texts(std::string_view name, std::string_view help,
               const std::vector<std::string>& values) const;

  private:
    H5Group group_;
};

/// Distinct operator lists of a block, by ordinal; -1 stands for none.
class ListTable {
  public:
    std::int64_t ordinal(const OpList& list);
    void write(const H5Group& block) const;

  private:
    std::map<std::string, std::int64_t> seen_;  ///< by everything that a list says
    std::vector<OpList> lists_;
};

std::vector<OpList> read_lists(const H5Group& block);

/// A column of whole numbers. Args: rows: as many as there must be.
std::vector<std::int64_t> block_integers(const H5Group& table, std::string_view name,
                                         std::size_t rows);
/// A column of any length. Throws: UserError unless it has one axis.
std::vector<std::int64_t> block_integers(const H5Group& table, std::string_view name);

}  // namespace attohm
