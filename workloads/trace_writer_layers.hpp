#pragma once

#include "workloads/layer_shape.hpp"
#include "workloads/trace.hpp"
#include "workloads/trace_writer_content.hpp"

/// What layers of each kind say of their sizes in a trace.
namespace attohm::trace_layers {

using Attributes = ContentWriter::Attributes;

inline std::int64_t wide(int value) {
    return value;
}

/// Of the tensors of an attention layer; width and MLP as `said`, where it is not null.
AttentionSize size_of(const ModelInfo& model, const AttentionLayer& layer,
                      const AttentionSize* said);
/// Of an attention layer; sizes that are the model's are left out.
Attributes attention_attributes(const ModelInfo& model, const AttentionSize& size, double scale);
/// Sizes of a layer that holds no tensors to take them from.
Attributes shape_attributes(const ModelInfo& model, const LayerShape& shape);
/// What every layer other than attention says, with tensors or without.
void add_other_attributes(const LayerShape& shape, Attributes& attributes);
/// Of x of a layer other than attention.
H5Shape x_shape(const LayerShape& shape);

}  // namespace attohm::trace_layers
