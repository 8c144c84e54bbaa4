"""What a clip's codes mean, and how they become light, display codes and mattes."""
