#include "tests/app/sparse_trace.hpp"

#include <fmt/format.h>
#include <hdf5.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "src/base/hdf5.hpp"

namespace attohm::testing {

namespace {

void write_root(const H5Group& root) {
    for (const auto& [name, text] : {std::pair{"format", "attohm-trace"},
                                     {"schema_version", "1.0.0"},
                                     {"producer", "test"},
                                     {"producer_version", "1"},
                                     {"created_utc", "2026-11-20T00:00:00Z"},
                                     {"capture_dtype", "float32"},
                                     {"capture_method", "holes"}})
        root.set_text(name, text);
}

void write_model(const H5Group& model, const SparseSizes& sizes) {
    for (const auto& [name, text] :
         {std::pair{"name", "holes"}, {"family", "other"}, {"task", "none"}, {"pool", "none"}})
        model.set_text(name, text);
    for (const auto& [name, number] : {std::pair{"layers", sizes.layers},
                                       {"heads", sizes.heads},
                                       {"kv_heads", sizes.heads},
                                       {"head_dim", sizes.head_dim},
                                       {"width", sizes.heads * sizes.head_dim},
                                       {"prefix_tokens", 0},
                                       {"classes", 0}})
        model.set_integer(name, number);
    model.set_flag("causal", false);
}

/// Groups and attributes. Returns: paths of the tensors.
std::vector<std::string> write_frame(const std::string& path, const SparseSizes& sizes) {
    H5File file = H5File::create(path);
    const H5Group root = file.root();
    write_root(root);
    write_model(root.create_group("model"), sizes);
    const H5Group samples = root.create_group("samples");
    std::vector<std::string> tensors;
    for (int s = 0; s < sizes.samples; ++s) {
        const H5Group sample = samples.create_group(fmt::format("{:06}", s));
        sample.set_text("dataset", "none");
        sample.set_text("split", "test");
        sample.set_integer("index", s);
        const H5Group layers = sample.create_group("layers");
        for (int l = 0; l < sizes.layers; ++l) {
            const H5Group layer = layers.create_group(fmt::format("{:02}", l));
            layer.set_text("kind", "attention");
            layer.set_integer("n_q", sizes.tokens);
            layer.set_integer("n_k", sizes.tokens);
            layer.set_real("scale", 0.125);
            layer.set_flag("causal", false);
            for (const char* name : {"q", "k", "v", "out"})
                tensors.push_back(layer.path() + "/" + name);
        }
    }
    root.set_flag("complete", true);
    file.close();
    return tensors;
}

hid_t good(hid_t id) {
    if (id < 0) throw std::runtime_error("cannot write the sparse trace");
    return id;
}

}  // namespace

void write_sparse_trace(const std::string& path, const SparseSizes& sizes) {
    const std::vector<std::string> tensors = write_frame(path, sizes);
    const hid_t file = good(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
    // Chunks of a whole head, as our writers have them; none is ever written.
    const hid_t creation = good(H5Pcreate(H5P_DATASET_CREATE));
    const hsize_t chunk[] = {1, static_cast<hsize_t>(sizes.tokens),
                             static_cast<hsize_t>(sizes.head_dim)};
    good(H5Pset_chunk(creation, 3, chunk));
    const hsize_t shape[] = {static_cast<hsize_t>(sizes.heads), static_cast<hsize_t>(sizes.tokens),
                             static_cast<hsize_t>(sizes.head_dim)};
    const hid_t space = good(H5Screate_simple(3, shape, nullptr));
    for (const std::string& tensor : tensors)
        H5Dclose(good(H5Dcreate2(file, tensor.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, creation,
                                 H5P_DEFAULT)));
    H5Sclose(space);
    H5Pclose(creation);
    good(H5Fclose(file));
}

}  // namespace attohm::testing
