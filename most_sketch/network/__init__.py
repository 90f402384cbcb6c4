"""The paper's networks, bottom-up: memory, encoder, injection, generator, discriminator. Imports no other room."""
