#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/base/hdf5_raw.hpp"

/// Where the elements of a dataset come from: a dataset of another file, some of its planes, its
/// numbers in another width. Everything is read in parts, so that no dataset is held whole.
namespace attohm {

class ElementSource {
  public:
    virtual ~ElementSource() = default;
    virtual const H5Shape& shape() const = 0;
    virtual const H5RawType& type() const = 0;
    /// Level that suits it; 0: none.
    virtual int gzip() const = 0;
    /// Args: out: the block's elements, as `type` stores them.
    virtual void read(const H5Block& block, std::span<std::byte> out) const = 0;
};

using SourcePointer = std::unique_ptr<ElementSource>;

/// A dataset as it is stored.
SourcePointer stored_source(const H5Group& dataset);

/// Indices that go over on each of the first axes, ascending; an axis without an entry, or with an
/// empty one, goes over whole.
using AxisChoices = std::vector<std::vector<std::size_t>>;
SourcePointer chosen_source(SourcePointer inner, AxisChoices choices);

/// float32 as float16 or the other way round; anything else as it is. Reading throws UserError
/// (with path and index) for values that float16 cannot hold. Args: where: for messages.
SourcePointer half_source(SourcePointer inner, std::string where);
SourcePointer float_source(SourcePointer inner);

/// Goes through a source in blocks of at most about `bytes`, in C order.
void for_each_block(const H5Shape& shape, std::size_t element_bytes, std::size_t bytes,
                    const std::function<void(const H5Block&)>& step);

/// What is held of a dataset at once.
constexpr std::size_t kBlockBytes = std::size_t{16} << 20U;

}  // namespace attohm
