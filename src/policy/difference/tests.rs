//! What is found between two policies.
