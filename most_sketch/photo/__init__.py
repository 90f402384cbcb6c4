"""Read and write pictures safely, find faces, bring one into the frame and put it back. Imports no other room."""
