"""What HDF5 needs: places, chunks, repairs, and writing while the simulation goes on."""
