use super::*;

impl Config {
    /// The smallest network with every feature: grouped queries, soft caps, a window, 4 image tokens.
    pub(crate) fn tiny() -> Self {
        let json = r#"{"model_type":"paligemma","image_token_index":40,"projection_dim":16,
            "text_config":{"model_type":"gemma2","vocab_size":32,"hidden_size":16,"intermediate_size":24,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
            "query_pre_attn_scalar":9,"sliding_window":3},
            "vision_config":{"hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
            "num_attention_heads":2,"image_size":9,"patch_size":4}}"#;
        Self::parse(json.as_bytes()).expect("valid")
    }

    /// The same of Gemma 3: norms on heads, two kinds of layers, pooled images.
    pub(crate) fn tiny_gemma3() -> Self {
        let json = r#"{"model_type":"gemma3","image_token_index":40,"mm_tokens_per_image":4,
            "text_config":{"model_type":"gemma3_text","vocab_size":32,"hidden_size":16,"intermediate_size":24,
            "num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
            "query_pre_attn_scalar":9,"sliding_window":3,"layer_types":["sliding_attention","full_attention"],
            "rope_scaling":{"rope_type":"linear","factor":8.0}},
            "vision_config":{"hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
            "num_attention_heads":2,"image_size":17,"patch_size":4}}"#;
        Self::parse(json.as_bytes()).expect("valid")
    }

    /// One of each family.
    pub(crate) fn all_tiny() -> [Self; 2] {
        [Self::tiny(), Self::tiny_gemma3()]
    }
}

/// Both spellings of the same 3B checkpoint.
const HUB: &str = r#"{"model_type":"paligemma","image_token_index":257152,"projection_dim":2304,
    "text_config":{"model_type":"gemma2","vocab_size":257216,"hidden_act":"gelu_pytorch_tanh",
    "eos_token_id":[1,107],"rope_theta":10000.0},
    "vision_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,
    "num_hidden_layers":27,"patch_size":14}}"#;
const NEWER: &str = r#"{"model_type":"paligemma","image_token_id":257152,"projection_dim":2304,
    "text_config":{"model_type":"gemma2","vocab_size":257216,"hidden_activation":"gelu_pytorch_tanh",
    "eos_token_id":[1,107],"rope_parameters":{"rope_type":"default","rope_theta":10000.0},
    "attention_bias":null},
    "vision_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,
    "num_hidden_layers":27,"patch_size":14}}"#;

#[test]
fn both_styles_describe_the_same_model() {
    let config = Config::parse(HUB.as_bytes()).unwrap();
    assert_eq!(config, Config::parse(NEWER.as_bytes()).unwrap());
    assert_eq!(config.image_tokens(), 256);
    assert_eq!(
        config.text_config.layer_types[..3],
        [
            LayerType::SlidingAttention,
            LayerType::FullAttention,
            LayerType::SlidingAttention
        ]
    );
    let written = serde_json::to_string(&config).unwrap();
    assert!(
        written.contains("\"query_pre_attn_scalar\":256,"),
        "transformers refuses 256.0: {written}"
    );
    assert_eq!(Config::parse(written.as_bytes()).unwrap(), config);
}

#[test]
fn gemma3_is_what_its_file_leaves_unsaid() {
    let file = |rope: &str| {
        r#"{"model_type":"gemma3","mm_tokens_per_image":256,"eos_token_id":[1,106],
            "text_config":{"hidden_size":2560,"intermediate_size":10240,"model_type":"gemma3_text",
            "num_hidden_layers":34,"sliding_window":1024,ROPE},
            "vision_config":{"hidden_size":1152,"image_size":896,"intermediate_size":4304,
            "num_attention_heads":16,"num_hidden_layers":27,"patch_size":14}}"#
            .replace("ROPE", rope)
    };
    let hub = file(r#""rope_scaling":{"factor":8.0,"rope_type":"linear"}"#);
    let newer = file(
        r#""rope_parameters":{
        "full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1000000.0},
        "sliding_attention":{"rope_type":"default","rope_theta":10000.0}}"#,
    );
    let config = Config::parse(hub.as_bytes()).unwrap();
    assert_eq!(config, Config::parse(newer.as_bytes()).unwrap());
    let text = &config.text_config;
    assert_eq!((text.vocab_size, config.image_tokens()), (262_208, 256));
    assert_eq!((text.rope_theta, text.rope_local_base_freq), (1e6, Some(1e4)));
    assert_eq!(
        (text.eos_token_id.as_slice(), config.image_token_index),
        (&[1, 106][..], 262_144)
    );
    let full = |at: usize| text.layer_types[at] == LayerType::FullAttention;
    assert_eq!(
        (0..34).filter(|&at| full(at)).collect::<Vec<_>>(),
        [5, 11, 17, 23, 29]
    );
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(Config::parse(written.as_bytes()).unwrap(), config);
    let problem = |from: &str, to: &str| Config::parse(hub.replace(from, to).as_bytes()).unwrap_err();
    assert!(problem("image\":256", "image\":100").contains("mm_tokens_per_image"));
    assert!(problem("linear", "yarn").contains("`linear`"));
}

#[test]
fn what_is_not_supported_is_named_with_what_is() {
    let problem = |from: &str, to: &str| Config::parse(HUB.replace(from, to).as_bytes()).unwrap_err();
    assert!(problem("\"paligemma\"", "\"llava\"").contains("`llava` is not supported; supported"));
    assert!(problem("\"paligemma\"", "\"gemma3\"").contains("text architecture `gemma2`"));
    assert!(problem("\"gemma2\"", "\"gemma\"").contains("text architecture `gemma`"));
    assert!(problem("2304,", "2048,").contains("projection_dim 2048"));
    assert!(problem("gelu_pytorch_tanh", "relu").contains("activation `relu`"));
    assert!(problem("\"patch_size\":14", "\"patch_size\":0").contains("a size is 0"));
    assert!(Config::parse(b"{").unwrap_err().contains("not JSON"));
}

#[test]
fn a_text_only_file_is_a_decoder_alone() {
    let file = r#"{"architectures":["Gemma3ForCausalLM"],"model_type":"gemma3_text","hidden_size":1152,
        "intermediate_size":6912,"num_attention_heads":4,"num_key_value_heads":1,"num_hidden_layers":26,
        "sliding_window":512,"vocab_size":262144,"eos_token_id":[1,106],"rope_theta":1000000,
        "rope_local_base_freq":10000,"rope_scaling":null}"#;
    let config = Config::parse(file.as_bytes()).unwrap();
    assert_eq!(config.model_type, Family::Gemma3Text);
    assert!(!config.model_type.sees());
    let text = &config.text_config;
    assert_eq!((text.hidden_size, text.vocab_size), (1152, 262_144));
    assert_eq!((text.sliding_window, &text.rope_scaling), (Some(512), &None));
    assert_eq!(text.eos_token_id, [1, 106]);
    assert!(text.normalises_heads());
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(Config::parse(written.as_bytes()).unwrap(), config);
}
